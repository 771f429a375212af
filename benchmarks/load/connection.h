/* One WebSocket connection that speaks Pusher, and one HTTP connection that publishes. Non-blocking; no allocation
 * while events flow, but for what is left of a frame that came in two reads. */
#ifndef REVURB_LOAD_CONNECTION_H
#define REVURB_LOAD_CONNECTION_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sha256.h"

enum phase { CONNECTING, HANDSHAKE, GREETING, SUBSCRIBING, READY, ENDED };

typedef struct {
    int fd;
    enum phase phase;
    long number;        /* which one of all */
    long user;          /* who it is on presence channels */
    char socket_id[48];
    long confirmed;     /* subscriptions that succeeded */
    long events;        /* application events received */
    char *rest;         /* bytes of a frame that is not whole */
    size_t rest_size;
    int is_publisher, is_waiting; /* a publisher waits for an answer */
    long asked;                   /* to which request */
} connection;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void give_up(const char *why, const char *detail)
{
    fprintf(stderr, "load: %s%s%.300s\n", why, detail ? ": " : "", detail ? detail : "");
    exit(1);
}

/* Where a server listens; and leave to have as many connections as this process may. */
static struct sockaddr_in loopback(const char *host, long port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct rlimit files;

    if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || (ntohl(to.sin_addr.s_addr) >> 24) != 127)
        give_up("only loopback addresses are put under load", host);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return to;
}

/* Sources are spread over 127.0.0.x, since one address has 28,000 ports for one destination. */
static void open_connection(connection *c, int poll, const struct sockaddr_in *to, long number)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        give_up("socket", strerror(errno));
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number / 20000));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (number >= 20000 && bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
        give_up("bind", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (const struct sockaddr *)to, sizeof *to) < 0 && errno != EINPROGRESS)
        give_up("connect", strerror(errno));
    c->phase = CONNECTING;
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
}

static void send_all(connection *c, const char *bytes, size_t size)
{
    /* What a load generator sends is small: a socket that cannot take it means that the server has stopped reading. */
    if (send(c->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        give_up("the server does not read what is sent", strerror(errno));
}

/* A masked text frame; the key is zero, which is as good as any against a server. */
static void send_text(connection *c, const char *text, size_t size)
{
    char frame[8192];
    size_t head = size < 126 ? 6 : 8;

    if (size + head > sizeof frame)
        give_up("message too long", NULL);
    frame[0] = (char)0x81;
    frame[1] = (char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        frame[2] = (char)(size >> 8);
        frame[3] = (char)size;
    }
    memset(frame + head - 4, 0, 4);
    memcpy(frame + head, text, size);
    send_all(c, frame, head + size);
}

/* Subscribe, signed where the channel's prefix asks for it. */
static void subscribe(connection *c, const char *channel, const char *key, const char *secret)
{
    char text[2048], signed_text[1024], data[256] = "", hex[65];
    int presence = strncmp(channel, "presence-", 9) == 0;

    if (!presence && strncmp(channel, "private-", 8) != 0) {
        snprintf(text, sizeof text, "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"%s\"}}", channel);
    } else {
        if (presence)
            snprintf(data, sizeof data, "{\"user_id\":\"%ld\"}", c->user);
        snprintf(signed_text, sizeof signed_text, "%s:%s%s%s", c->socket_id, channel, presence ? ":" : "", data);
        hmac_hex(secret, signed_text, hex);
        if (presence)
            snprintf(data, sizeof data, ",\"channel_data\":\"{\\\"user_id\\\":\\\"%ld\\\"}\"", c->user);
        snprintf(text, sizeof text, "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"%s\",\"auth\":\"%s:%s\"%s}}",
                 channel, key, hex, data);
    }
    send_text(c, text, strlen(text));
}

/* The size of a frame whose first bytes are at `at`, with its payload in *payload and *size; 0 if it is not whole. */
static size_t whole_frame(const uint8_t *at, size_t have, const uint8_t **payload, size_t *size)
{
    size_t head = 2, i;

    if (have < 2)
        return 0;
    *size = at[1] & 0x7F;
    if (*size > 125) {
        head = *size == 126 ? 4 : 10;
        if (have < head)
            return 0;
        for (*size = 0, i = 2; i < head; i++)
            *size = *size << 8 | at[i];
    }
    if (have - head < *size)
        return 0;
    *payload = at + head;
    return head + *size;
}

static int holds(const uint8_t *payload, size_t size, const char *word)
{
    return memmem(payload, size, word, strlen(word)) != NULL;
}

/* A new socket can be written to: it is connected, or will never be. */
static void on_connected(connection *c, int poll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int error = 0;
    socklen_t length = sizeof error;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
        give_up("connect", strerror(error));
    epoll_ctl(poll, EPOLL_CTL_MOD, c->fd, &event);
    c->phase = c->is_publisher ? READY : HANDSHAKE;
}

static void ask_for_websocket(connection *c, const char *path, const char *host, long port)
{
    char head[512];

    snprintf(head, sizeof head,
             "GET %s?protocol=7&client=load&version=1 HTTP/1.1\r\nHost: %s:%ld\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
             path, host, port);
    send_all(c, head, strlen(head));
}

/* Opens `count` connections, no more than `ramp` of them at a time on the way, until *ready says that all are. `open`
 * starts one, `turn` waits so many milliseconds at most for something to happen, and lets it. Returns seconds. */
static double open_all(connection *all, long count, long ramp, const long *ready, void (*open)(connection *c),
                       void (*turn)(int timeout_ms))
{
    double start = now_s(), last = start;
    long opened = 0, before = -1;

    while (*ready < count) {
        while (opened < count && opened - *ready < ramp) {
            all[opened].number = all[opened].user = opened;
            open(&all[opened++]);
        }
        turn(100);
        if (*ready != before)
            last = now_s(), before = *ready;
        if (now_s() - last > 20)
            give_up("connections do not become ready", NULL);
    }
    return now_s() - start;
}

/* Reads what has come into `buffer`, behind what is left of a frame. Returns how many bytes there are then; 0 if there is
 * nothing to be read. */
static size_t read_more(connection *c, char *buffer, size_t size)
{
    ssize_t got;

    if (c->rest_size > 0)
        memcpy(buffer, c->rest, c->rest_size);
    got = recv(c->fd, buffer + c->rest_size, size - c->rest_size - 1, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        give_up("the server ended a connection", NULL);
    return got < 0 ? 0 : c->rest_size + (size_t)got;
}

/* Keeps what is not whole until more comes. */
static void keep_rest(connection *c, const char *bytes, size_t count)
{
    c->rest_size = count;
    if (count > 0) {
        c->rest = realloc(c->rest, count);
        memcpy(c->rest, bytes, count);
    }
}

/* Calls `on_frame` with every whole frame, and keeps the rest. */
static void take_frames(connection *c, const char *bytes, size_t count, double now,
                        void (*on_frame)(connection *c, int opcode, const uint8_t *payload, size_t size, double now))
{
    const uint8_t *at = (const uint8_t *)bytes, *payload;
    size_t taken, size;

    if (c->phase == HANDSHAKE) {
        const char *end = memmem(bytes, count, "\r\n\r\n", 4);

        if (end == NULL) { /* uWebSockets sends the first line by itself now and then */
            keep_rest(c, bytes, count);
            return;
        }
        if (strncmp(bytes, "HTTP/1.1 101", 12) != 0)
            give_up("handshake refused", bytes);
        count -= (size_t)(end + 4 - bytes);
        at = (const uint8_t *)end + 4;
        c->phase = GREETING;
    }
    while ((taken = whole_frame(at, count, &payload, &size)) > 0) {
        on_frame(c, *at & 0x0F, payload, size, now);
        at += taken;
        count -= taken;
    }
    keep_rest(c, (const char *)at, count);
}

enum meaning { EVENT, GREETED, SUBSCRIBED, MEMBERS, PONG, NOTHING };

/* What a frame says. A ping is answered here; an error ends the program, as does a close. */
static enum meaning understand(connection *c, int opcode, const uint8_t *payload, size_t size)
{
    const uint8_t *at;
    size_t i = 0;

    if (opcode == 9) { /* ping: answered with an empty pong */
        send_all(c, "\x8a\x80\0\0\0\0", 6);
    } else if (opcode == 8) {
        give_up("the server closed a connection", (const char *)payload + (size > 2 ? 2 : 0));
    } else if (size < 16 || memcmp(payload, "{\"event\":\"pusher", 16) != 0) {
        return EVENT;
    } else if (size > 32 && memcmp(payload + 16, "_internal:member_", 17) == 0) {
        return MEMBERS;
    } else if (holds(payload, size, "\"pusher:pong\"")) {
        return PONG;
    } else if (holds(payload, size, "\"pusher:ping\"")) {
        send_text(c, "{\"event\":\"pusher:pong\",\"data\":{}}", 33);
    } else if (holds(payload, size, "pusher:error") || holds(payload, size, "subscription_error")) {
        give_up("the server said", (const char *)payload);
    } else if (c->phase == GREETING) {
        at = memmem(payload, size, "socket_id", 9);
        while (at != NULL && at < payload + size && (*at < '0' || *at > '9'))
            at++;
        while (at != NULL && at < payload + size && i < sizeof c->socket_id - 1 && ((*at >= '0' && *at <= '9') || *at == '.'))
            c->socket_id[i++] = (char)*at++;
        c->socket_id[i] = '\0';
        c->phase = SUBSCRIBING;
        return GREETED;
    } else if (holds(payload, size, "subscription_succeeded")) {
        return SUBSCRIBED;
    }
    return NOTHING;
}

#endif
