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
#include <sys/socket.h>
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

static void give_up(const char *why, const char *detail)
{
    fprintf(stderr, "load: %s%s%.300s\n", why, detail ? ": " : "", detail ? detail : "");
    exit(1);
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

#endif
