/* Load on a Pusher-protocol server, from one thread, and what it cost the server. Driven by generator.py, which knows the
 * scenarios; `load --help` lists the options.
 *
 * Plan: connections are opened `ramp` at a time and subscribed; then events are sent, either by publishers (HTTP
 * requests that generator.py has signed and written to a file) or as client events of connection 0, with at most `window`
 * events sent and not yet received by all, or at a fixed rate. Every event is counted at every subscriber. Receiving
 * never sleeps, so that waking this process is no part of what the server pays. One JSON line tells the rest.
 */
#define _GNU_SOURCE
#include "centrifugo.h"
#include "connection.h"
#include "options.h"
#include "process.h"
#include "requests.h"

#define MAX_SAMPLES (1 << 20)

static struct sockaddr_in server;
static connection *all, *talkers;
static int poll_fd;
static long ready, received, sent, readers;
static long *wanted; /* subscriptions of each connection */
static double *sent_at;
static float *samples;
static long sample_count, bad_answers;
static long confirmations, list_bytes, pongs, announcements; /* what came that is no event */
static char buffer[1 << 20]; /* a frame must fit: the list of 10,000 members has 250 kB */

static long completed(void)
{
    return readers ? received / readers : 0;
}

/* Which channels connection `i` is on: one for all, or `channels` of them with `conns` spread over them. */
static void subscribe_to_all(connection *c)
{
    char name[128];
    long i;

    if (channels == 1) {
        if (speaks_centrifugo)
            centrifugo_subscribe(c, channel);
        else
            subscribe(c, channel, key, secret);
        return;
    }
    for (i = c->number; i < channels * 5; i += conns) { /* five subscribers each, on five connections */
        snprintf(name, sizeof name, "%s-%ld", channel, i / 5);
        subscribe(c, name, key, secret);
    }
}

static void on_event(connection *c, double now)
{
    c->events++;
    if (c->number >= conns - slow)
        return; /* it does not read any more: not counted */
    received++;
    if (sent_at != NULL && channels == 1 && sample_count < MAX_SAMPLES && c->number % 16 == 1 && c->events <= sent)
        samples[sample_count++] = (float)((now - sent_at[c->events - 1]) * 1e3);
}

static void on_meaning(connection *c, enum meaning meaning, size_t length, double now)
{
    switch (meaning) {
    case EVENT:
        on_event(c, now);
        break;
    case MEMBERS:
        announcements++;
        break;
    case PONG:
        pongs++;
        break;
    case GREETED:
        if (wanted[c->number] == 0) {
            c->phase = READY;
            ready++;
        } else {
            subscribe_to_all(c);
        }
        break;
    case SUBSCRIBED:
        confirmations++;
        list_bytes = (long)length;
        if (++c->confirmed == wanted[c->number]) {
            c->phase = READY;
            ready++;
        }
        break;
    case NOTHING:
        break;
    }
}

static void on_frame(connection *c, int opcode, const uint8_t *payload, size_t length, double now)
{
    if (speaks_centrifugo)
        centrifugo_understand(c, opcode, payload, length, now, on_meaning);
    else
        on_meaning(c, understand(c, opcode, payload, length), length, now);
}

/* Publish; over a new connection if the server has ended this one meanwhile, as servers without keep-alive do. */
static void ask(connection *c, long request)
{
    ssize_t size = (ssize_t)request_sizes[request];

    c->asked = request;
    c->is_waiting = 1;
    if (send(c->fd, requests[request], (size_t)size, MSG_NOSIGNAL) != size) {
        close(c->fd);
        open_connection(c, poll_fd, &server, conns + c->number);
    }
}

static void on_answer(connection *c)
{
    ssize_t count = recv(c->fd, buffer, sizeof buffer - 1, 0);

    if (count <= 0) { /* the server has ended it; what was not answered is asked again once connected */
        close(c->fd);
        open_connection(c, poll_fd, &server, conns + c->number);
        return;
    }
    buffer[count] = '\0';
    if (is_answer(buffer, &bad_answers))
        c->is_waiting = 0;
}

static void on_ready(connection *c, uint32_t what)
{
    size_t have;

    if (c->phase == CONNECTING && what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        on_connected(c, poll_fd);
        if (!c->is_publisher)
            ask_for_websocket(c, path, host, port);
        else if (c->is_waiting)
            ask(c, c->asked);
    } else if (what & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        if (c->is_publisher)
            on_answer(c);
        else if ((have = read_more(c, buffer, sizeof buffer)) > 0) {
            int is_new = c->phase == HANDSHAKE;

            take_frames(c, buffer, have, sent_at != NULL ? now_s() : 0, on_frame);
            if (is_new && c->phase == GREETING && speaks_centrifugo)
                centrifugo_greet(c);
        }
    }
}

static void turn(int timeout_ms)
{
    static struct epoll_event events[1024];
    int count = epoll_wait(poll_fd, events, 1024, timeout_ms), i;

    for (i = 0; i < count; i++)
        on_ready(events[i].data.ptr, events[i].events);
}

static void open_one(connection *c)
{
    open_connection(c, poll_fd, &server, c->number);
}

#include "joins.h"

/* Send whatever may be sent now. With a rate, an event that is late counts from when it was due. */
static void talk(double start, double now)
{
    long i;

    if (whisper) {
        while (rate > 0 ? (double)sent < (now - start) * rate : sent - completed() < window) {
            if (sent_at != NULL)
                sent_at[sent] = rate > 0 ? start + (double)sent / rate : now_s();
            send_all(&all[0], requests[0], request_sizes[0]);
            sent++;
        }
        return;
    }
    for (i = 0; i < publishers; i++) {
        connection *c = &talkers[i];

        if (rate > 0 ? (double)sent >= (now - start) * rate : sent - completed() >= window)
            return;
        if (c->is_waiting || c->phase != READY)
            continue;
        if (sent_at != NULL)
            sent_at[sent] = rate > 0 ? start + (double)sent / rate : now_s();
        ask(c, sent % request_count);
        sent++;
    }
}

static void talk_for(double length)
{
    double start = now_s(), now = start, last = start;
    long before = -1;

    while ((now = now_s()) - start < length) {
        talk(start, now);
        turn(0);
    }
    while (received < sent * readers) { /* what is under way */
        turn(0);
        if (received != before)
            last = now_s(), before = received;
        if (now_s() - last > 5)
            break; /* lost: the counts say how many */
    }
}

static int by_size(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;

    return (left > right) - (left < right);
}

static double quantile(double q)
{
    return sample_count ? (double)samples[(long)(q * (double)(sample_count - 1))] : 0;
}

static double rss_bytes(void)
{
    return sum_over(pids, rss_of);
}

/* End every connection at once; resident bytes when the server has been at rest for half a second after that. */
static double rss_after_leaving(void)
{
    double before, quiet_since = now_s(), start = quiet_since, now = sum_over(pids, cpu_of);
    long i;

    for (i = 0; i < conns; i++)
        close(all[i].fd);
    while (now_s() - quiet_since < 0.5 && now_s() - start < 20) {
        struct timespec nap = {.tv_nsec = 20000000};

        nanosleep(&nap, NULL);
        before = now;
        now = sum_over(pids, cpu_of);
        if (now - before > 0.002) /* a server at rest still looks at its clocks */
            quiet_since = now_s();
    }
    return rss_bytes();
}

int main(int argc, char **argv)
{
    double rss_before, rss_ready, rss_after = 0, cpu_open, open_wanted, open_s, cpu = 0, wanted_s = 0, wall = 0;
    long i;

    options(argc, argv);
    server = loopback(host, port);
    poll_fd = epoll_create1(0);
    all = calloc((size_t)conns, sizeof *all);
    talkers = calloc((size_t)publishers + 1, sizeof *talkers);
    wanted = calloc((size_t)conns, sizeof *wanted);
    samples = calloc(MAX_SAMPLES, sizeof *samples);
    for (i = 0; i < (channels == 1 ? conns : channels * 5); i++)
        wanted[i % conns]++;
    if (*channel == '\0' || *members != '\0')
        memset(wanted, 0, (size_t)conns * sizeof *wanted);

    rss_before = rss_bytes();
    cpu_open = -sum_over(pids, cpu_of);
    open_wanted = -sum_over(pids, waited_of);
    open_s = open_all(all, conns, ramp, &ready, open_one, turn);
    cpu_open += sum_over(pids, cpu_of);
    open_wanted += sum_over(pids, waited_of) + cpu_open;
    if (hold > 0)
        for (wall = now_s(); now_s() - wall < hold;)
            turn(100);
    rss_ready = rss_bytes();
    wall = 0;
    printf("{");
    if (*members != '\0')
        measure_joins();
    if (leave)
        rss_after = rss_after_leaving();

    readers = conns - slow;
    for (i = readers; i < conns; i++)
        epoll_ctl(poll_fd, EPOLL_CTL_DEL, all[i].fd, NULL);
    if (channels > 1)
        readers = 5; /* who hears each event */
    if (whisper)
        readers--; /* the sender does not */
    if (*requests_file != '\0') {
        read_requests(requests_file);
        for (i = 0; i < publishers; i++) {
            talkers[i].is_publisher = 1;
            talkers[i].number = i;
            open_connection(&talkers[i], poll_fd, &server, conns + i);
        }
        talk_for(warmup);
        for (i = 0; i < conns; i++)
            all[i].events = 0;
        sent = received = 0;
        sent_at = calloc(50000000, sizeof *sent_at); /* address space, not memory, until it is used */
        if (window > 1 && rate == 0)
            sent_at = NULL; /* latency means something at a rate, or with one event in flight */
        wall = now_s();
        cpu = -sum_over(pids, cpu_of);
        wanted_s = -sum_over(pids, waited_of);
        talk_for(seconds);
        wall = now_s() - wall;
        cpu += sum_over(pids, cpu_of);
        wanted_s += sum_over(pids, waited_of) + cpu;
        qsort(samples, (size_t)sample_count, sizeof *samples, by_size);
    }
    printf("\"conns\":%ld,\"open_s\":%.3f,\"open_busy\":%.3f,\"open_wanted\":%.3f,\"cpu_us_per_connect\":%.2f,"
           "\"rss_bytes_per_conn\":%.0f,\"rss_before_bytes\":%.0f,\"rss_peak_bytes\":%.0f,\"rss_after_bytes\":%.0f,"
           "\"rss_kept_bytes_per_conn\":%.0f,",
           conns, open_s, cpu_open / open_s, open_wanted / open_s, cpu_open * 1e6 / (double)conns,
           (rss_ready - rss_before) / (double)conns, rss_before, rss_ready, rss_after,
           leave ? (rss_after - rss_before) / (double)conns : 0);
    printf("\"sent\":%ld,\"received\":%ld,\"lost\":%ld,\"bad_answers\":%ld,\"wall_s\":%.3f,\"server_cpu_s\":%.4f,"
           "\"busy\":%.3f,\"wanted\":%.3f,\"kept_pace\":%.4f,\"cpu_us_per_delivery\":%.4f,\"cpu_us_per_event\":%.3f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f}\n",
           sent, received, sent * readers - received, bad_answers, wall, cpu, wall > 0 ? cpu / wall : 0,
           wall > 0 ? wanted_s / wall : 0, rate > 0 ? (double)sent / (rate * seconds) : 0,
           received ? cpu * 1e6 / (double)received : 0, sent ? cpu * 1e6 / (double)sent : 0, quantile(0.5),
           quantile(0.99), quantile(0.999));
    return 0;
}
