/* Raw uWebSockets (C++, v20): the library at its job, with as little around it as the load generator can talk to.
 *
 *     uwebsockets LIBRARY PORT        LIBRARY is the shared library inside the Python package socketify, the one place
 *                                     where a built uWebSockets with a C interface can be had; PORT may be 0
 *
 * No Python runs here: handlers are C and are called by uWebSockets on its own loop (libuv's, in that build). It speaks
 * as much Pusher as a scenario without presence needs: it greets, subscribes a connection to the topic of a channel's
 * name, passes client events on, and publishes what is POSTed to /apps/ID/events. It checks no signature, validates no
 * JSON and knows no limit, so that what it costs is a lower bound for a server on uWebSockets.
 *
 * Prints "listening on 127.0.0.1:PORT" when it does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The part of the library's interface that is used (libuwebsockets.h of socketify 0.0.31). */
typedef struct app app;
typedef struct response response;
typedef struct websocket websocket;
typedef struct listener listener;
typedef enum { TEXT = 1 } opcode;

typedef struct {
    const char *files[6];
    int low_memory;
} tls_options;

typedef struct {
    int port;
    const char *host;
    int options;
} listen_options;

typedef struct {
    int compression; /* 0: none */
    unsigned int max_payload_bytes;
    unsigned short idle_timeout_s; /* 0: never */
    unsigned int max_backpressure_bytes;
    bool close_on_backpressure, reset_idle_on_send, send_pings;
    unsigned short max_lifetime_min;
    void (*upgrade)(void);
    void (*open)(websocket *, void *);
    void (*message)(websocket *, const char *, size_t, opcode, void *);
    void (*drain)(void);
    void (*ping)(void);
    void (*pong)(void);
    void (*close)(void);
    void (*subscription)(void);
} behaviour;

static app *(*create_app)(int tls, tls_options);
static void (*app_post)(int tls, app *, const char *pattern, void (*)(response *, void *, void *), void *);
static void (*app_listen)(int tls, app *, listen_options, void (*)(listener *, listen_options, void *), void *);
static void (*app_run)(int tls, app *);
static bool (*app_publish)(int tls, app *, const char *, size_t, const char *, size_t, opcode, bool compress);
static void (*app_ws)(int tls, app *, const char *pattern, behaviour, void *);
static int (*local_port)(int tls, listener *);
static int (*ws_send)(int tls, websocket *, const char *, size_t, opcode);
static bool (*ws_subscribe)(int tls, websocket *, const char *, size_t);
static bool (*ws_publish)(int tls, websocket *, const char *, size_t, const char *, size_t, opcode, bool compress);
static void (*res_end)(int tls, response *, const char *, size_t, bool close);
static void (*res_on_data)(int tls, response *, void (*)(response *, const char *, size_t, bool, void *), void *);
static void (*res_on_aborted)(int tls, response *, void (*)(response *, void *), void *);

static app *server;

static void find_functions(const char *path)
{
    const struct {
        const char *name;
        void *to;
    } wanted[] = {{"uws_create_app", &create_app},       {"uws_app_post", &app_post},
                  {"uws_app_listen_with_config", &app_listen}, {"uws_app_run", &app_run},
                  {"uws_publish", &app_publish},         {"uws_ws", &app_ws},
                  {"us_socket_local_port", &local_port}, {"uws_ws_send", &ws_send},
                  {"uws_ws_subscribe", &ws_subscribe},   {"uws_ws_publish_with_options", &ws_publish},
                  {"uws_res_end", &res_end},             {"uws_res_on_data", &res_on_data},
                  {"uws_res_on_aborted", &res_on_aborted}};
    void *library = dlopen(path, RTLD_NOW);
    size_t i;

    for (i = 0; library != NULL && i < sizeof wanted / sizeof *wanted; i++) {
        void *found = dlsym(library, wanted[i].name);

        if (found == NULL)
            break;
        memcpy(wanted[i].to, &found, sizeof found);
    }
    if (library == NULL || i < sizeof wanted / sizeof *wanted) {
        fprintf(stderr, "uwebsockets: %s\n", dlerror());
        exit(1);
    }
}

/* The text of a string field of a flat JSON object, as it stands between its quotes; NULL if it is not there. */
static const char *field(const char *json, size_t size, const char *name, size_t *length)
{
    const char *end = json + size, *at = memmem(json, size, name, strlen(name)), *start;

    if (at == NULL)
        return NULL;
    for (at += strlen(name); at < end && (*at == ':' || *at == ' '); at++)
        ;
    if (at == end || *at != '"')
        return NULL;
    for (start = ++at; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    *length = (size_t)(at - start);
    return at < end ? start : NULL;
}

static void on_open(websocket *ws, void *unused)
{
    static const char greeting[] = "{\"event\":\"pusher:connection_established\","
                                   "\"data\":\"{\\\"socket_id\\\":\\\"1.1\\\",\\\"activity_timeout\\\":120}\"}";

    (void)unused;
    ws_send(0, ws, greeting, sizeof greeting - 1, TEXT);
}

static void on_message(websocket *ws, const char *text, size_t size, opcode kind, void *unused)
{
    char answer[512];
    size_t length;
    const char *channel = field(text, size, "\"channel\"", &length);

    (void)unused, (void)kind;
    if (memmem(text, size, "\"pusher:ping\"", 13) != NULL) {
        ws_send(0, ws, "{\"event\":\"pusher:pong\",\"data\":\"{}\"}", 37, TEXT);
    } else if (channel == NULL || length > 200) {
        return;
    } else if (memmem(text, size, "\"pusher:subscribe\"", 18) != NULL) {
        ws_subscribe(0, ws, channel, length);
        ws_send(0, ws, answer,
                (size_t)snprintf(answer, sizeof answer,
                                 "{\"event\":\"pusher_internal:subscription_succeeded\",\"data\":\"{}\","
                                 "\"channel\":\"%.*s\"}",
                                 (int)length, channel),
                TEXT);
    } else if (memmem(text, size, "\"client-", 8) != NULL) {
        ws_publish(0, ws, channel, length, text, size, TEXT, false); /* to all but the sender */
    }
}

static void on_body(response *res, const char *body, size_t size, bool is_last, void *unused)
{
    static char frame[1 << 17];
    size_t channel_size, data_size, name_size;
    const char *channel = field(body, size, "\"channel\"", &channel_size);
    const char *data = field(body, size, "\"data\"", &data_size);
    const char *name = field(body, size, "\"name\"", &name_size);

    (void)unused;
    if (!is_last || channel == NULL || data == NULL || name == NULL || size > sizeof frame - 64)
        return; /* the generator's requests come whole; anything else is left without an answer */
    app_publish(0, server, channel, channel_size, frame,
                (size_t)snprintf(frame, sizeof frame, "{\"event\":\"%.*s\",\"data\":\"%.*s\",\"channel\":\"%.*s\"}",
                                 (int)name_size, name, (int)data_size, data, (int)channel_size, channel),
                TEXT, false);
    res_end(0, res, "{}", 2, false);
}

static void on_aborted(response *res, void *unused)
{
    (void)res, (void)unused;
}

static void on_post(response *res, void *request, void *unused)
{
    (void)request, (void)unused;
    res_on_aborted(0, res, on_aborted, NULL);
    res_on_data(0, res, on_body, NULL);
}

static void on_listening(listener *found, listen_options options, void *unused)
{
    (void)options, (void)unused;
    if (found == NULL) {
        fprintf(stderr, "uwebsockets: cannot listen\n");
        exit(1);
    }
    printf("listening on 127.0.0.1:%d\n", local_port(0, found));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    behaviour sockets = {.max_payload_bytes = 1 << 20, .max_backpressure_bytes = 1 << 20, .open = on_open,
                         .message = on_message};
    listen_options where = {.host = "127.0.0.1"};
    struct rlimit files;

    if (argc != 3) {
        fprintf(stderr, "usage: uwebsockets LIBRARY PORT\n");
        return 2;
    }
    find_functions(argv[1]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    where.port = atoi(argv[2]);
    server = create_app(0, (tls_options){0});
    app_post(0, server, "/apps/:id/events", on_post, NULL);
    app_ws(0, server, "/app/:key", sockets, NULL);
    app_listen(0, server, where, on_listening, NULL);
    app_run(0, server);
    return 1;
}
