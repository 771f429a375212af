/* Load on a Pusher-protocol server, from one thread, and what it cost the server. Driven by generator.py, which knows the
 * scenarios; `load --help` lists the options.
 *
 * Plan: connections are opened `ramp` at a time and subscribed; then events are sent, either by publishers (HTTP
 * requests that generator.py has signed and written to a file) or as client events of connection 0, with at most `window`
 * events sent and not yet received by all, or at a fixed rate. Every event is counted at every subscriber. Receiving
 * never sleeps, so that waking this process is no part of what the server pays. One JSON line tells the rest.
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "connection.h"
#include "options.h"
#include "process.h"

#define MAX_SAMPLES (1 << 20)

static struct sockaddr_in server;
static connection *all, *talkers;
static int poll_fd;
static long ready, received, sent, readers;
static long *wanted; /* subscriptions of each connection */
static char **requests, *requests_text;
static size_t *request_sizes;
static long request_count;
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

static void on_frame(connection *c, int opcode, const uint8_t *payload, size_t length, double now)
{
    const uint8_t *at;
    size_t i = 0;

    if (opcode == 9) { /* ping: answered with an empty pong */
        send_all(c, "\x8a\x80\0\0\0\0", 6);
    } else if (opcode == 8) {
        give_up("the server closed a connection", (const char *)payload + (length > 2 ? 2 : 0));
    } else if (length < 16 || memcmp(payload, "{\"event\":\"pusher", 16) != 0) {
        on_event(c, now);
    } else if (length > 32 && memcmp(payload + 16, "_internal:member_", 17) == 0) {
        announcements++;
    } else if (holds(payload, length, "\"pusher:pong\"")) {
        pongs++;
    } else if (holds(payload, length, "\"pusher:ping\"")) {
        send_text(c, "{\"event\":\"pusher:pong\",\"data\":{}}", 33);
    } else if (holds(payload, length, "pusher:error") || holds(payload, length, "subscription_error")) {
        give_up("the server said", (const char *)payload);
    } else if (c->phase == GREETING) {
        at = memmem(payload, length, "socket_id", 9);
        while (at != NULL && at < payload + length && (*at < '0' || *at > '9'))
            at++;
        while (at != NULL && at < payload + length && i < sizeof c->socket_id - 1 && ((*at >= '0' && *at <= '9') || *at == '.'))
            c->socket_id[i++] = (char)*at++;
        c->socket_id[i] = '\0';
        c->phase = SUBSCRIBING;
        if (wanted[c->number] == 0) {
            c->phase = READY;
            ready++;
        } else {
            subscribe_to_all(c);
        }
    } else if (holds(payload, length, "subscription_succeeded")) {
        confirmations++;
        list_bytes = (long)length;
        if (++c->confirmed == wanted[c->number]) {
            c->phase = READY;
            ready++;
        }
    }
}

static void on_bytes(connection *c, const char *bytes, size_t count)
{
    const uint8_t *at = (const uint8_t *)bytes, *payload;
    size_t taken, length;
    double now = sent_at != NULL ? now_s() : 0;

    if (c->phase == HANDSHAKE) {
        const char *end = memmem(bytes, count, "\r\n\r\n", 4);

        if (end == NULL)
            return; /* the heads of all servers come in one segment on loopback; open_all() would see it stall */
        if (strncmp(bytes, "HTTP/1.1 101", 12) != 0)
            give_up("handshake refused", bytes);
        count -= (size_t)(end + 4 - bytes);
        at = (const uint8_t *)end + 4;
        c->phase = GREETING;
    }
    while ((taken = whole_frame(at, count, &payload, &length)) > 0) {
        on_frame(c, *at & 0x0F, payload, length, now);
        at += taken;
        count -= taken;
    }
    c->rest_size = count;
    if (count > 0) {
        c->rest = realloc(c->rest, count);
        memcpy(c->rest, at, count);
    }
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

static void on_answer(connection *c, ssize_t count)
{
    const char *length;

    if (count <= 0) { /* the server has ended it; what was not answered is asked again once connected */
        close(c->fd);
        open_connection(c, poll_fd, &server, conns + c->number);
        return;
    }
    buffer[count] = '\0';
    length = strcasestr(buffer, "\r\n\r\n");
    if (length == NULL)
        return;
    if (strncmp(buffer + 8, " 200", 4) != 0) {
        bad_answers++;
        if (bad_answers == 1)
            fprintf(stderr, "load: publish answered: %.200s\n", buffer);
    }
    c->is_waiting = 0;
}

static void on_ready(connection *c, uint32_t what)
{
    ssize_t got;

    if (c->phase == CONNECTING && what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        char head[512];
        int error = 0;
        socklen_t length = sizeof error;

        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error)
            give_up("connect", strerror(error));
        epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event);
        c->phase = c->is_publisher ? READY : HANDSHAKE;
        if (c->is_publisher) {
            if (c->is_waiting)
                ask(c, c->asked);
            return;
        }
        snprintf(head, sizeof head,
                 "GET %s?protocol=7&client=load&version=1 HTTP/1.1\r\nHost: %s:%ld\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 path, host, port);
        send_all(c, head, strlen(head));
        return;
    }
    if (!(what & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    if (!c->is_publisher && c->rest_size > 0)
        memcpy(buffer, c->rest, c->rest_size);
    got = recv(c->fd, buffer + c->rest_size, sizeof buffer - c->rest_size - 1, 0);
    if (c->is_publisher) {
        on_answer(c, got);
    } else if (got > 0) {
        on_bytes(c, buffer, c->rest_size + (size_t)got);
    } else if (got == 0 || errno != EAGAIN) {
        give_up("the server ended a connection", NULL);
    }
}

static void turn(int timeout_ms)
{
    static struct epoll_event events[1024];
    int count = epoll_wait(poll_fd, events, 1024, timeout_ms), i;

    for (i = 0; i < count; i++)
        on_ready(events[i].data.ptr, events[i].events);
}

static double open_all(void)
{
    double start = now_s(), last = start;
    long opened = 0, before = -1;

    while (ready < conns) {
        while (opened < conns && opened - ready < ramp) {
            all[opened].number = all[opened].user = opened;
            open_connection(&all[opened], poll_fd, &server, opened);
            opened++;
        }
        turn(100);
        if (ready != before)
            last = now_s(), before = ready;
        if (now_s() - last > 20)
            give_up("connections do not become ready", NULL);
    }
    return now_s() - start;
}

#include "joins.h"

static void read_requests(void)
{
    FILE *file = fopen(requests_file, "rb");
    long length, at = 0;

    if (file == NULL)
        give_up(requests_file, strerror(errno));
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    requests_text = malloc((size_t)length + 1);
    if (fread(requests_text, 1, (size_t)length, file) != (size_t)length)
        give_up(requests_file, "cannot be read");
    fclose(file);
    requests_text[length] = '\0';
    while (at < length) { /* each: its size in decimal, a line feed, its bytes */
        char *end;
        long bytes = strtol(requests_text + at, &end, 10);

        requests = realloc(requests, (size_t)(request_count + 1) * sizeof *requests);
        request_sizes = realloc(request_sizes, (size_t)(request_count + 1) * sizeof *request_sizes);
        requests[request_count] = end + 1;
        request_sizes[request_count++] = (size_t)bytes;
        at = end + 1 + bytes - requests_text;
    }
    if (request_count == 0)
        give_up(requests_file, "holds no request");
}

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
    struct rlimit files;
    double rss_before, rss_ready, rss_after = 0, cpu_open, open_wanted, open_s, cpu = 0, wanted_s = 0, wall = 0;
    long i;

    options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &server.sin_addr) != 1 || (ntohl(server.sin_addr.s_addr) >> 24) != 127)
        give_up("only loopback addresses are put under load", host);
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
    open_s = open_all();
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
        read_requests();
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
