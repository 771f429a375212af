/* How an event is written in a record of a shared log. No Python in here.

   A record with LOG_EVENT among its flags is an event, as a worker publishes it. Its bytes are, in this order: struct
   log_event_head; the id of the app; one byte 0xff; the name of the channel; the id of the socket that does not get it; the
   text, which is the rest; but for struct log_kept at its end, if the channel has history. Names are UTF-8, in which there
   is no 0xff: so app and channel are together one key.

   Any other record is a message of the hub or for it, of which nothing here knows the form: MessagePack
   (bus/brokered/broker_messages.py). */
#ifndef REVURB_LOG_EVENTS_H
#define REVURB_LOG_EVENTS_H

#include "shared_log.h"

#define LOG_NOBODY UINT32_MAX /* for `except_bytes`: everybody gets it */

struct log_event_head {
    uint64_t cache_ttl_s;
    uint32_t app_bytes, channel_bytes, except_bytes, is_kept;
};

/* How much is kept of a channel with history. */
struct log_kept {
    uint64_t app_bytes;
    uint32_t size, ttl_s; /* events, seconds */
};

/* The parts of an event, by their addresses: in the log, or where they come from. */
struct log_event {
    const uint8_t *app, *channel, *except_id, *text; /* `except_id` is NULL if there is nobody */
    size_t app_bytes, channel_bytes, except_bytes, text_bytes;
    uint64_t cache_ttl_s;
    struct log_kept kept;
    int is_kept; /* whether the channel has history */
};

/* The number by which the topic of a channel is known; several have the same. */
static inline uint16_t log_topic(const uint8_t *app, size_t app_bytes, const uint8_t *channel, size_t channel_bytes)
{
    uint64_t hash = 0xCBF29CE484222325ULL; /* FNV-1a */

    for (size_t i = 0; i < app_bytes; i++)
        hash = (hash ^ app[i]) * 0x100000001B3ULL;
    hash = (hash ^ 0xFF) * 0x100000001B3ULL;
    for (size_t i = 0; i < channel_bytes; i++)
        hash = (hash ^ channel[i]) * 0x100000001B3ULL;
    return (uint16_t)(hash ^ hash >> 32);
}

/* How long the record of an event is; 0 if that is more than `max_bytes`. */
static inline uint32_t log_event_bytes(const struct log_event *event, uint32_t max_bytes)
{
    const size_t parts[] = {sizeof(struct log_event_head) + 1, event->app_bytes, event->channel_bytes,
                            event->except_bytes, event->text_bytes, event->is_kept ? sizeof event->kept : 0};
    size_t left = max_bytes;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i] > left)
            return 0;
        left -= parts[i];
    }
    return max_bytes - (uint32_t)left;
}

/* Writes the record of an event, which has no place yet; `record` says how long it is. Returns where it begins. */
static inline uint64_t log_write_event(shared_log *log, uint32_t writer, const struct log_event *event,
                                       struct log_record record)
{
    const struct log_event_head head = {
        .cache_ttl_s = event->cache_ttl_s,
        .app_bytes = (uint32_t)event->app_bytes,
        .channel_bytes = (uint32_t)event->channel_bytes,
        .except_bytes = event->except_id ? (uint32_t)event->except_bytes : LOG_NOBODY,
        .is_kept = event->is_kept ? 1 : 0,
    };
    uint8_t *to;
    uint64_t begins = log_reserve(log, writer, record, &to);

    memcpy(to, &head, sizeof head);
    memcpy(to += sizeof head, event->app, event->app_bytes);
    *(to += event->app_bytes) = 0xff;
    memcpy(to += 1, event->channel, event->channel_bytes);
    to += event->channel_bytes;
    if (event->except_id) {
        memcpy(to, event->except_id, event->except_bytes);
        to += event->except_bytes;
    }
    memcpy(to, event->text, event->text_bytes);
    if (event->is_kept)
        memcpy(to + event->text_bytes, &event->kept, sizeof event->kept);
    return begins;
}

/* Finds the parts of an event in a record of `left` bytes at `at`, none of them outside of it whatever is written there.
   Returns whether they are all there. */
static inline int log_find_event(const uint8_t *at, size_t left, struct log_event *event)
{
    struct log_event_head head;

    if (left < sizeof head)
        return 0;
    memcpy(&head, at, sizeof head); /* once: it may be written over */
    at += sizeof head;
    left -= sizeof head;
    if (head.app_bytes >= left || head.channel_bytes > left - head.app_bytes - 1)
        return 0;
    event->app = at;
    event->app_bytes = head.app_bytes;
    event->channel = at + head.app_bytes + 1;
    event->channel_bytes = head.channel_bytes;
    at = event->channel + head.channel_bytes;
    left -= (size_t)head.app_bytes + 1 + head.channel_bytes;
    event->except_id = head.except_bytes == LOG_NOBODY ? NULL : at;
    event->except_bytes = event->except_id ? head.except_bytes : 0;
    if (event->except_bytes > left)
        return 0;
    event->text = at + event->except_bytes;
    event->text_bytes = left - event->except_bytes;
    event->cache_ttl_s = head.cache_ttl_s;
    event->is_kept = head.is_kept != 0;
    if (event->is_kept) {
        if (event->text_bytes < sizeof event->kept)
            return 0;
        event->text_bytes -= sizeof event->kept;
        memcpy(&event->kept, event->text + event->text_bytes, sizeof event->kept);
    }
    return 1;
}

#endif
