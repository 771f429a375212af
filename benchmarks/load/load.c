/* Load on a Pusher-protocol server, from one thread, and what it cost the server. Driven by run.py, which knows the
 * scenarios; `load --help` lists the options.
 *
 * Plan: connections are opened `ramp` at a time and subscribed; then events are sent, either by publishers (HTTP
 * requests that run.py has signed and written to a file) or as client events of connection 0, with at most `window`
 * events sent and not yet received by all, or at a fixed rate. Every event is counted at every subscriber. Receiving
 * never sleeps, so that waking this process is no part of what the server pays. One JSON line tells the rest.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/resource.h>

#include "connection.h"
#include "process.h"

#define MAX_SAMPLES (1 << 20)

static const char *host = "127.0.0.1", *path = "/app/key1", *key = "key1", *secret = "secret1", *pids = "";
static const char *channel = "bench", *requests_file = "";
static long port = 8080, conns = 100, channels = 1, ramp = 100, window = 8, publishers = 0, whisper = 0;
static long slow = 0;
static double seconds = 3, warmup = 1, rate = 0, hold = 0;

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
static char buffer[1 << 18];

static long completed(void)
{
    return readers ? received / readers : 0;
}

/* Which channels connection `i` is on: one for all, or `channels` of them with `conns` spread over them. */
static void subscribe_to_all(connection *c, const char *socket_id)
{
    char name[128];
    long i;

    if (channels == 1) {
        subscribe(c, channel, socket_id, key, secret);
        return;
    }
    for (i = c->number; i < channels * 5; i += conns) { /* five subscribers each, on five connections */
        snprintf(name, sizeof name, "%s-%ld", channel, i / 5);
        subscribe(c, name, socket_id, key, secret);
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
    char socket_id[128];
    const uint8_t *at;
    size_t i = 0;

    if (opcode == 9) { /* ping: answered with an empty pong */
        send_all(c, "\x8a\x80\0\0\0\0", 6);
    } else if (opcode == 8) {
        give_up("the server closed a connection", (const char *)payload + (length > 2 ? 2 : 0));
    } else if (length < 16 || memcmp(payload, "{\"event\":\"pusher", 16) != 0) {
        on_event(c, now);
    } else if (holds(payload, length, "\"pusher:ping\"")) {
        send_text(c, "{\"event\":\"pusher:pong\",\"data\":{}}", 33);
    } else if (holds(payload, length, "pusher:error") || holds(payload, length, "subscription_error")) {
        give_up("the server said", (const char *)payload);
    } else if (c->phase == GREETING) {
        at = memmem(payload, length, "socket_id", 9);
        while (at != NULL && at < payload + length && (*at < '0' || *at > '9'))
            at++;
        while (at != NULL && at < payload + length && i < sizeof socket_id - 1 && ((*at >= '0' && *at <= '9') || *at == '.'))
            socket_id[i++] = (char)*at++;
        socket_id[i] = '\0';
        c->phase = SUBSCRIBING;
        if (wanted[c->number] == 0) {
            c->phase = READY;
            ready++;
        } else {
            subscribe_to_all(c, socket_id);
        }
    } else if (holds(payload, length, "subscription_succeeded") && ++c->confirmed == wanted[c->number]) {
        c->phase = READY;
        ready++;
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
            return; /* the heads of all servers come in one segment on loopback; run.py would see it stall */
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

static void on_answer(connection *c, ssize_t count)
{
    const char *length;

    if (count <= 0) { /* a server without keep-alive: come back */
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
        if (c->is_publisher)
            return;
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
            all[opened].number = opened;
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
        send_all(c, requests[sent % request_count], request_sizes[sent % request_count]);
        c->is_waiting = 1;
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

static void options(int argc, char **argv)
{
    static const struct option known[] = {
        {"host", 1, 0, 'h'},     {"port", 1, 0, 'p'},   {"path", 1, 0, 'a'},    {"key", 1, 0, 'k'},
        {"secret", 1, 0, 's'},   {"pid", 1, 0, 'i'},    {"conns", 1, 0, 'n'},   {"channel", 1, 0, 'c'},
        {"channels", 1, 0, 'm'}, {"ramp", 1, 0, 'r'},   {"window", 1, 0, 'w'},  {"publishers", 1, 0, 'u'},
        {"requests", 1, 0, 'q'}, {"whisper", 0, 0, 'v'}, {"seconds", 1, 0, 't'}, {"warmup", 1, 0, 'x'},
        {"rate", 1, 0, 'e'},     {"hold", 1, 0, 'l'},   {"slow", 1, 0, 'o'},    {"help", 0, 0, '?'},
        {0, 0, 0, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
        switch (option) {
        case 'h': host = optarg; break;
        case 'p': port = atol(optarg); break;
        case 'a': path = optarg; break;
        case 'k': key = optarg; break;
        case 's': secret = optarg; break;
        case 'i': pids = optarg; break;
        case 'n': conns = atol(optarg); break;
        case 'c': channel = optarg; break;
        case 'm': channels = atol(optarg); break;
        case 'r': ramp = atol(optarg); break;
        case 'w': window = atol(optarg); break;
        case 'u': publishers = atol(optarg); break;
        case 'q': requests_file = optarg; break;
        case 'v': whisper = 1; break;
        case 't': seconds = atof(optarg); break;
        case 'x': warmup = atof(optarg); break;
        case 'e': rate = atof(optarg); break;
        case 'l': hold = atof(optarg); break;
        case 'o': slow = atol(optarg); break;
        default:
            fprintf(stderr,
                    "usage: load --port N [--host A] [--path /app/KEY] [--key K] [--secret S] [--pid SERVER[,SERVER]]\n"
                    "  --conns N --channel C [--channels N: five subscribers each] [--ramp N] [--slow N: that do not read]\n"
                    "  --requests FILE with --publishers N or --whisper; --window N or --rate N/s; --seconds S --warmup S\n"
                    "  --hold S: keep the connections and send nothing\n");
            exit(2);
        }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    double rss_before, rss_ready, cpu_start, cpu_open, cpu_end, open_s, wall;
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
    if (*channel == '\0')
        memset(wanted, 0, (size_t)conns * sizeof *wanted);

    rss_before = sum_over(pids, rss_of);
    cpu_start = sum_over(pids, cpu_of);
    open_s = open_all();
    cpu_open = sum_over(pids, cpu_of) - cpu_start;
    if (hold > 0)
        for (wall = now_s(); now_s() - wall < hold;)
            turn(100);
    rss_ready = sum_over(pids, rss_of);

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
        cpu_end = sum_over(pids, cpu_of);
        talk_for(seconds);
        wall = now_s() - wall;
        cpu_end = sum_over(pids, cpu_of) - cpu_end;
        qsort(samples, (size_t)sample_count, sizeof *samples, by_size);
    } else {
        wall = cpu_end = 0;
    }
    printf("{\"conns\":%ld,\"open_s\":%.3f,\"cpu_us_per_connect\":%.2f,\"rss_bytes_per_conn\":%.0f,\"sent\":%ld,"
           "\"received\":%ld,\"lost\":%ld,\"bad_answers\":%ld,\"wall_s\":%.3f,\"server_cpu_s\":%.4f,\"busy\":%.3f,"
           "\"cpu_us_per_delivery\":%.4f,\"cpu_us_per_event\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f}\n",
           conns, open_s, cpu_open * 1e6 / (double)conns, (rss_ready - rss_before) / (double)conns, sent, received,
           sent * readers - received, bad_answers, wall, cpu_end, wall > 0 ? cpu_end / wall : 0,
           received ? cpu_end * 1e6 / (double)received : 0, sent ? cpu_end * 1e6 / (double)sent : 0, quantile(0.5),
           quantile(0.99), quantile(0.999));
    return 0;
}
