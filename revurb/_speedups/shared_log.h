/* The memory of a log that processes share: who writes where, and in which order it is read. No Python in here.

   A record is written into the ring of its writer, which nobody else writes to, and gets its place by one
   compare-and-swap in the list of places. Before that step it is not there, after it it is whole: a writer that is
   killed or stopped at any point leaves nothing half done, and holds up nobody.

   A place holds the lap of its position, the writer and where in its ring the record begins. A reader that finds a later
   lap, or a record that its writer has written over, has been lapped. */
#ifndef REVURB_SHARED_LOG_H
#define REVURB_SHARED_LOG_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#define LOG_MAGIC 0x5245565552420001ULL /* "REVURB", and the version of this layout */
#define LOG_UNIT 64                     /* bytes of a cache line: records begin at multiples of it */
#define LOG_BUCKETS 65536               /* of topics */
#define LOG_SOFT_BYTES (1u << 20)       /* of a ring that are used while all keep up: they stay in the processor's cache */
#define LOG_STEP_BYTES (1u << 16)       /* how often it is looked whether all do */
#define LOG_PAGE 65536 /* the largest that systems have */
#define LOG_SLOT_BITS 8
#define LOG_PLACE_BITS 20
#define LOG_LINE __attribute__((aligned(LOG_UNIT)))

enum log_answer { LOG_READ, LOG_SKIPPED, LOG_END, LOG_LAPPED };

struct log_shape {
    uint64_t magic, places, ring_bytes;
    uint32_t slots;
};

/* One process. Only that process writes to it, but for `notified`, and for `pid`, which frees the slot. */
struct log_slot {
    LOG_LINE int32_t pid; /* 0: nobody has the slot */
    uint32_t flags;       /* records with one of these are wanted, whatever their topic */
    uint64_t token;       /* names this process among all that have had the slot */
    LOG_LINE uint64_t cursor; /* the position up to which it has read */
    LOG_LINE uint32_t notified; /* whether it knows that there is something to read */
    LOG_LINE uint64_t reserved; /* up to where its ring is written, counted on from the beginning of the log */
    uint64_t newest;            /* the position of its newest record */
    LOG_LINE uint8_t topics[LOG_BUCKETS / 8];
};

struct log_head {
    struct log_shape shape;
    LOG_LINE uint64_t tail; /* a position at or a little before the newest */
    LOG_LINE uint64_t tokens; /* how many have been given out */
};

struct log_record {
    uint64_t position, begins, target; /* `begins` counts as `reserved` does */
    uint32_t length;
    uint16_t bucket, flags;
};

typedef struct {
    struct log_head *head;
    struct log_slot *slots;
    uint64_t *places;
    uint8_t *rings;
    size_t bytes;
    struct log_shape shape; /* of its own: what others write decides no bound */
} shared_log;

/* Where the rings begin: at a page, so that pages of them can be given back. */
static inline size_t log_rings_at(const struct log_shape *shape)
{
    size_t before = sizeof(struct log_head) + shape->slots * sizeof(struct log_slot) + shape->places * sizeof(uint64_t);

    return (before + LOG_PAGE - 1) / LOG_PAGE * LOG_PAGE;
}

static inline size_t log_bytes(const struct log_shape *shape)
{
    return log_rings_at(shape) + shape->slots * shape->ring_bytes;
}

/* Returns 0, or an errno. A shape of 0 slots is read from the memory. */
static inline int log_open(shared_log *log, int fd, struct log_shape shape)
{
    void *memory;

    if (!shape.slots && pread(fd, &shape, sizeof shape, 0) != (ssize_t)sizeof shape)
        return errno ? errno : EINVAL;
    if (shape.magic != LOG_MAGIC || !shape.slots || shape.slots >> LOG_SLOT_BITS
        || shape.ring_bytes / LOG_UNIT > 1u << LOG_PLACE_BITS)
        return EPROTO;
    log->shape = shape;
    log->bytes = log_bytes(&shape);
    memory = mmap(NULL, log->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED)
        return errno;
    log->head = memory;
    log->slots = (struct log_slot *)(log->head + 1);
    log->places = (uint64_t *)(log->slots + shape.slots);
    log->rings = (uint8_t *)memory + log_rings_at(&shape);
    log->head->shape = shape;
    return 0;
}

static inline void log_close(shared_log *log)
{
    if (log->head)
        munmap(log->head, log->bytes);
    log->head = NULL;
}

static inline uint64_t log_lap(const shared_log *log, uint64_t position)
{
    return position / log->shape.places + 1;
}

static inline uint64_t log_place(const shared_log *log, uint64_t position)
{
    return __atomic_load_n(&log->places[position % log->shape.places], __ATOMIC_ACQUIRE);
}

static inline uint64_t log_place_lap(uint64_t place)
{
    return place >> (LOG_SLOT_BITS + LOG_PLACE_BITS);
}

/* The newest position. */
static inline uint64_t log_tail(const shared_log *log)
{
    uint64_t tail = __atomic_load_n(&log->head->tail, __ATOMIC_ACQUIRE);

    while (log_place_lap(log_place(log, tail + 1)) >= log_lap(log, tail + 1))
        tail++;
    return tail;
}

static inline void log_raise_tail(shared_log *log, uint64_t position)
{
    uint64_t tail = __atomic_load_n(&log->head->tail, __ATOMIC_RELAXED);

    while (tail < position
           && !__atomic_compare_exchange_n(&log->head->tail, &tail, position, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* Whether everyone has read up to a position. */
static inline int log_all_have_read(const shared_log *log, uint64_t position)
{
    for (uint32_t i = 0; i < log->shape.slots; i++)
        if (__atomic_load_n(&log->slots[i].pid, __ATOMIC_ACQUIRE)
            && __atomic_load_n(&log->slots[i].cursor, __ATOMIC_ACQUIRE) < position)
            return 0;
    return 1;
}

/* Where in its ring, counted on, a writer's next record of `need` bytes begins. What the ring had to use while somebody
   was behind is given back to the system when nobody is. */
static inline uint64_t log_next_begin(shared_log *log, uint32_t writer, uint64_t need)
{
    const struct log_slot *slot = &log->slots[writer];
    uint64_t begins = slot->reserved, ring = log->shape.ring_bytes, used = begins % ring;
    int is_step = used >= LOG_SOFT_BYTES && used / LOG_STEP_BYTES != (used + need) / LOG_STEP_BYTES;

    if (used + need > ring || is_step) {
        if (log_all_have_read(log, slot->newest)) {
#ifdef MADV_REMOVE
            if (used > 2 * LOG_SOFT_BYTES)
                madvise(log->rings + writer * ring + LOG_SOFT_BYTES, ring - LOG_SOFT_BYTES, MADV_REMOVE);
#endif
            begins += ring - used;
        } else if (used + need > ring) {
            begins += ring - used;
        }
    }
    return begins;
}

/* Writes a record of at most half a ring. Returns its position; or 0, if it was to have the position `only` and
   another one has that. */
static inline uint64_t log_append(shared_log *log, uint32_t writer, const void *bytes, struct log_record record,
                                  uint64_t only)
{
    struct log_slot *slot = &log->slots[writer];
    uint64_t need = (sizeof record + record.length + LOG_UNIT - 1) / LOG_UNIT * LOG_UNIT;
    uint64_t begins = log_next_begin(log, writer, need), ring = log->shape.ring_bytes;
    uint64_t position, found, place;
    struct log_record *to = (struct log_record *)(log->rings + writer * ring + begins % ring);

    __atomic_store_n(&slot->reserved, begins + need, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before anything is written over */
    record.begins = begins;
    memcpy(to, &record, sizeof record);
    memcpy(to + 1, bytes, record.length);
    place = (uint64_t)writer << LOG_PLACE_BITS | begins % ring / LOG_UNIT;
    for (position = only ? only : log_tail(log) + 1;; position++) {
        found = log_place(log, position);
        to->position = position;
        if (log_place_lap(found) < log_lap(log, position)
            && __atomic_compare_exchange_n(&log->places[position % log->shape.places], &found,
                                           log_lap(log, position) << (LOG_SLOT_BITS + LOG_PLACE_BITS) | place, 0,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
        if (only)
            return 0;
    }
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

/* Looks at the record after the slot's cursor. Of one that is wanted, `record` and `at` are set; its bytes may be used
   only if `log_is_whole` says so after they were copied. */
static inline enum log_answer log_peek(const shared_log *log, uint32_t reader, uint64_t position,
                                       struct log_record *record, uint32_t *writer, const uint8_t **at)
{
    uint64_t place = log_place(log, position), lap = log_place_lap(place), ring = log->shape.ring_bytes, begins;
    const struct log_record *from;

    if (lap != log_lap(log, position))
        return lap < log_lap(log, position) ? LOG_END : LOG_LAPPED;
    *writer = place >> LOG_PLACE_BITS & ((1u << LOG_SLOT_BITS) - 1);
    begins = (place & ((1u << LOG_PLACE_BITS) - 1)) * LOG_UNIT;
    if (*writer >= log->shape.slots || begins + sizeof *record > ring)
        return LOG_LAPPED;
    from = (const struct log_record *)(log->rings + *writer * ring + begins);
    memcpy(record, from, sizeof *record);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (record->position != position || record->begins % ring != begins
        || record->length > ring - begins - sizeof *record)
        return LOG_LAPPED;
    *at = (const uint8_t *)(from + 1);
    return log_is_wanted(&log->slots[reader], record) ? LOG_READ : LOG_SKIPPED;
}

/* Whether the writer has not begun to write over the record. */
static inline int log_is_whole(const shared_log *log, const struct log_record *record, uint32_t writer)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&log->slots[writer].reserved, __ATOMIC_SEQ_CST) <= record->begins + log->shape.ring_bytes;
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
        memset(slot->topics, 0, sizeof slot->topics);
        slot->flags = flags;
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
