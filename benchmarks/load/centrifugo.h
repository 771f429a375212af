/* What Centrifugo speaks over a WebSocket: its JSON protocol, without tokens (the server runs with `client.insecure`).
 *
 * A client says `{"id":1,"connect":{}}` first. Commands are answered under their id; events are pushes, several of which
 * may come in one frame, each on a line of its own. `{}` is a ping, and the answer to it. */
#ifndef REVURB_LOAD_CENTRIFUGO_H
#define REVURB_LOAD_CENTRIFUGO_H

#include "connection.h"

static void centrifugo_greet(connection *c)
{
    static const char text[] = "{\"id\":1,\"connect\":{}}";

    send_text(c, text, sizeof text - 1);
}

static void centrifugo_subscribe(connection *c, const char *channel)
{
    char text[256];

    send_text(c, text, (size_t)snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}", channel));
}

static enum meaning centrifugo_line(connection *c, const uint8_t *line, size_t size)
{
    if (size == 2) {
        send_text(c, "{}", 2);
    } else if (size > 8 && memcmp(line, "{\"push\":", 8) == 0) {
        return holds(line, size, "\"pub\":") ? EVENT : NOTHING;
    } else if (holds(line, size, "\"error\":")) {
        give_up("the server said", (const char *)line);
    } else if (c->phase == GREETING) {
        c->phase = SUBSCRIBING;
        return GREETED;
    } else if (c->phase == SUBSCRIBING) {
        return SUBSCRIBED;
    }
    return NOTHING;
}

/* Calls `on_meaning` with what each line of a frame says. */
static void centrifugo_understand(connection *c, int opcode, const uint8_t *payload, size_t size, double now,
                                  void (*on_meaning)(connection *c, enum meaning, size_t size, double now))
{
    const uint8_t *end = payload + size, *stop;

    if (opcode != 1) {
        on_meaning(c, understand(c, opcode, payload, size), size, now);
        return;
    }
    for (; payload < end; payload = stop + 1) {
        stop = memchr(payload, '\n', (size_t)(end - payload));
        if (stop == NULL)
            stop = end;
        if (stop > payload)
            on_meaning(c, centrifugo_line(c, payload, (size_t)(stop - payload)), size, now);
    }
}

#endif
