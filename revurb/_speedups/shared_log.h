/* The memory of a log that processes share: who writes where, and in which order it is read. No Python in here.

   A record is written into the ring of its writer, which nobody else writes to, and gets its place by one
   compare-and-swap in the list of places. Before that step it is not there, after it it is whole: a writer that is
   killed or stopped at any point leaves nothing half done, and holds up nobody.

   A place holds the lap of its position, whether the record has a flag or a target, the writer and where in its ring it
   begins. A reader that finds a later
   lap, or a record that its writer has written over, has been lapped. */
#ifndef REVURB_SHARED_LOG_H
#define REVURB_SHARED_LOG_H

#include "log_memory.h"

#define LOG_EVENT 0x8000 /* the flag of what log_events.h is about, which nobody wants for that */

/* Whether everyone has read up to a position. */
static inline int log_all_have_read(const shared_log *log, uint64_t position)
{
    for (uint32_t i = 0, used = log_used(log); i < used; i++)
        if (__atomic_load_n(&log->slots[i].pid, __ATOMIC_SEQ_CST)
            && __atomic_load_n(&log->slots[i].cursor, __ATOMIC_ACQUIRE) < position)
            return 0;
    return 1;
}

/* What a record of so many bytes takes of a ring. */
static inline uint64_t log_need(uint32_t length)
{
    return (sizeof(struct log_record) + length + LOG_UNIT - 1) / LOG_UNIT * LOG_UNIT;
}

/* What a record has at most: two have room in a ring. */
static inline uint32_t log_max_bytes(const shared_log *log)
{
    return (uint32_t)(log->shape.ring_bytes / 2 - sizeof(struct log_record));
}

static inline struct log_record *log_at(const shared_log *log, uint32_t writer, uint64_t offset)
{
    return (struct log_record *)(log->rings + writer * log->shape.ring_bytes + offset);
}

/* Where in its ring, counted on, a writer's next record of `need` bytes begins. What the ring had to use while somebody
   was behind is given back to the system when nobody is. */
static inline uint64_t log_next_begin(shared_log *log, uint32_t writer, uint64_t need)
{
    const struct log_slot *slot = &log->slots[writer];
    uint64_t begins = slot->ends, ring = log->shape.ring_bytes, used = begins % ring;
    int is_at_end = used + need > ring;
    int is_step = used >= LOG_SOFT_BYTES && used / LOG_STEP_BYTES != (used + need) / LOG_STEP_BYTES;

    if (!is_at_end && !(is_step && log_all_have_read(log, slot->newest)))
        return begins;
#ifdef MADV_REMOVE
    if (used > 2 * LOG_SOFT_BYTES && ring > LOG_SOFT_BYTES && ring % LOG_PAGE == 0 && log_all_have_read(log, slot->newest))
        madvise(log->rings + writer * ring + LOG_SOFT_BYTES, ring - LOG_SOFT_BYTES, MADV_REMOVE);
#endif
    return begins + ring - used;
}

/* Begins a record of at most half a ring, which has no place yet, where the next one would begin too; `bytes` is set to
   where what is in it is to be written. Returns where it begins. */
static inline uint64_t log_reserve(shared_log *log, uint32_t writer, struct log_record record, uint8_t **bytes)
{
    struct log_slot *slot = &log->slots[writer];
    uint64_t need = log_need(record.length), begins = log_next_begin(log, writer, need), ring = log->shape.ring_bytes;
    struct log_record *to = log_at(log, writer, begins % ring);

    if (slot->reserved < begins + need)
        __atomic_store_n(&slot->reserved, begins + need, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before anything is written over */
    __atomic_store_n(&to->position, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* nobody finds the old position with anything of the new record */
    to->begins = begins;
    to->target = record.target;
    to->length = record.length;
    to->bucket = record.bucket;
    to->flags = record.flags;
    *bytes = (uint8_t *)(to + 1);
    return begins;
}

/* Writes a record, which has no place yet. Returns where it begins. */
static inline uint64_t log_write(shared_log *log, uint32_t writer, const void *bytes, struct log_record record)
{
    uint8_t *to;
    uint64_t begins = log_reserve(log, writer, record, &to);

    memcpy(to, bytes, record.length);
    return begins;
}

/* Gives a place to what was written last, and `begins` there. Returns its position; or 0, if it was to have the position
   `only` and another one has that. */
static inline uint64_t log_commit(shared_log *log, uint32_t writer, uint64_t begins, uint64_t only)
{
    struct log_slot *slot = &log->slots[writer];
    uint64_t offset = begins % log->shape.ring_bytes, position, found;
    uint64_t place = (uint64_t)writer << LOG_PLACE_BITS | offset / LOG_UNIT;
    struct log_record *to = log_at(log, writer, offset);

    if (to->target || to->flags & ~LOG_EVENT)
        place |= LOG_FLAGGED;
    for (position = only ? only : log_tail(log) + 1;; position = log_after(log, position)) {
        found = log_place(log, position);
        __atomic_store_n(&to->position, position, __ATOMIC_RELAXED);
        if (log_place_lap(found) < log_lap(log, position)
            && __atomic_compare_exchange_n(&log->places[position % log->shape.places], &found,
                                           log_lap(log, position) << LOG_LAP_SHIFT | place, 0,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
        if (only)
            return 0;
    }
    slot->ends = begins + log_need(to->length);
    slot->newest = position;
    log_raise_tail(log, position);
    return position;
}

/* Whether a process wants a record. */
static inline int log_is_wanted(const struct log_slot *slot, const struct log_record *record)
{
    if (record->target)
        return slot->token == record->target;
    return (slot->flags & record->flags) || slot->topics[record->bucket / 8] >> record->bucket % 8 & 1;
}

/* Looks at the record at a position. Of one that is wanted, `record` and `at` are set; its bytes may be used only if
   `log_is_whole` says so after they were copied. Who has no topics looks at no record that is for a topic only: not at the
   ring of its writer, which is in the cache of another processor, if at all. */
static inline enum log_answer log_peek(const shared_log *log, uint32_t reader, uint64_t position,
                                       struct log_record *record, uint32_t *writer, const uint8_t **at)
{
    uint64_t place = log_place(log, position), lap = log_place_lap(place), ring = log->shape.ring_bytes, begins;
    const struct log_record *from;

    if (lap != log_lap(log, position))
        return lap < log_lap(log, position) ? LOG_END : LOG_LAPPED;
    if (!log->topics && !(place & LOG_FLAGGED))
        return LOG_SKIPPED;
    *writer = place >> LOG_PLACE_BITS & ((1u << LOG_SLOT_BITS) - 1);
    begins = (place & ((1u << LOG_PLACE_BITS) - 1)) * LOG_UNIT;
    if (*writer >= log->shape.slots || begins + sizeof *record > ring)
        return LOG_LAPPED;
    from = log_at(log, *writer, begins);
    memcpy(record, from, sizeof *record);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    record->position = __atomic_load_n(&from->position, __ATOMIC_RELAXED); /* after the others: see log_reserve */
    if (record->position != position || record->begins % ring != begins
        || record->length > ring - begins - sizeof *record)
        return LOG_LAPPED;
    *at = (const uint8_t *)(from + 1);
    return log_is_wanted(&log->slots[reader], record) ? LOG_READ : LOG_SKIPPED;
}

/* Whether the writer has not begun to write over the record, and has written one that begins there. */
static inline int log_is_whole(const shared_log *log, const struct log_record *record, uint32_t writer)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&log->slots[writer].reserved, __ATOMIC_SEQ_CST) - record->begins - 1 < log->shape.ring_bytes;
}

/* Takes a free slot for a process, which reads what is appended from now on. One that does not want to be woken
   counts as notified for ever. Returns -1 if there is none. */
static inline int log_attach(shared_log *log, int32_t pid, uint32_t flags, uint32_t notified)
{
    for (uint32_t i = 0; i < log->shape.slots; i++) {
        struct log_slot *slot = &log->slots[i];
        int32_t nobody = 0;

        /* Negative while it is set up: of a free slot, everything but the ring is of somebody before. */
        if (!__atomic_compare_exchange_n(&slot->pid, &nobody, -pid, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        for (uint32_t used = log_used(log); used <= i;)
            __atomic_compare_exchange_n(&log->head->used, &used, i + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        memset(slot->topics, 0, sizeof slot->topics);
        slot->flags = flags;
        slot->ends = slot->reserved; /* who was killed may have placed a record and not noted that */
        slot->token = __atomic_add_fetch(&log->head->tokens, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&slot->cursor, log_tail(log), __ATOMIC_SEQ_CST);
        __atomic_store_n(&slot->notified, notified, __ATOMIC_SEQ_CST);
        __atomic_store_n(&slot->pid, pid, __ATOMIC_SEQ_CST);
        return (int)i;
    }
    return -1;
}

static inline void log_detach(struct log_slot *slot)
{
    __atomic_store_n(&slot->pid, 0, __ATOMIC_SEQ_CST);
}

/* Frees the slots of a process that has ended. */
static inline void log_free(shared_log *log, int32_t pid)
{
    for (uint32_t i = 0; i < log->shape.slots; i++) {
        int32_t found = __atomic_load_n(&log->slots[i].pid, __ATOMIC_SEQ_CST);

        if (found == pid || found == -pid)
            log_detach(&log->slots[i]);
    }
}

/* What a process has read, it has given to others or dropped. */
static inline void set_cursor(struct log_slot *slot, uint64_t position)
{
    __atomic_store_n(&slot->cursor, position, __ATOMIC_RELEASE);
}

/* A process that was woken is about to read: who appends from now on has to wake it again. The descriptor is read first:
   what is written to it after `notified` was cleared has to be found by the next poll. */
static inline void log_woken(struct log_slot *slot, int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    __atomic_store_n(&slot->notified, 0, __ATOMIC_SEQ_CST);
}

/* Has a process look at the log, unless it is about to. `fd` is that of its descriptor to be written to. */
static inline void log_notify(shared_log *log, uint32_t reader, int fd)
{
    const uint64_t one = 1;

    if (!__atomic_exchange_n(&log->slots[reader].notified, 1, __ATOMIC_SEQ_CST))
        while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
}

#endif
