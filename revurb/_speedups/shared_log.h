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
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define LOG_MAGIC 0x5245565552420002ULL /* "REVURB", and the version of this layout */
#define LOG_UNIT 64                     /* bytes of a cache line: records begin at multiples of it */
#define LOG_BUCKETS 65536               /* of topics */
#define LOG_SOFT_BYTES (1u << 20)       /* of a ring that are used while all keep up: they stay in the processor's cache */
#define LOG_STEP_BYTES (1u << 16)       /* how often it is looked whether all do */
#define LOG_SLOT_BITS 11
#define LOG_PLACE_BITS 20
#define LOG_MAX_PLACES (1u << 28)
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
    uint64_t ends;              /* where its newest record ends, behind which only such are that got no place */
    uint64_t newest;            /* the position of that */
    LOG_LINE uint8_t topics[LOG_BUCKETS / 8];
};

struct log_head {
    struct log_shape shape;
    LOG_LINE uint64_t tail; /* a position at or a little before the newest */
    LOG_LINE uint64_t tokens; /* how many have been given out */
    uint32_t used;            /* how many slots somebody has had, the first ones */
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

/* Whether a log may have this shape: all that is computed from it then fits, and every record begins with a line. */
static inline int log_is_shape(const struct log_shape *shape)
{
    return shape->magic == LOG_MAGIC && shape->slots && !(shape->slots >> LOG_SLOT_BITS)
           && shape->places && shape->places <= LOG_MAX_PLACES && shape->places % (LOG_UNIT / sizeof(uint64_t)) == 0
           && shape->ring_bytes >= 8 * LOG_UNIT && shape->ring_bytes % LOG_UNIT == 0
           && shape->ring_bytes / LOG_UNIT <= 1u << LOG_PLACE_BITS;
}

static inline uint64_t log_bytes(const struct log_shape *shape)
{
    return sizeof(struct log_head) + shape->slots * sizeof(struct log_slot) + shape->places * sizeof(uint64_t)
           + shape->slots * shape->ring_bytes;
}

/* Returns 0, or an errno. A shape of 0 slots is read from the memory, which for another one is made as large. */
static inline int log_open(shared_log *log, int fd, struct log_shape shape)
{
    int is_new = shape.slots != 0;
    struct stat file;
    void *memory;

    if (!is_new && pread(fd, &shape, sizeof shape, 0) != (ssize_t)sizeof shape)
        return errno ? errno : EINVAL;
    if (!log_is_shape(&shape))
        return is_new ? EINVAL : EPROTO;
    if (log_bytes(&shape) > PTRDIFF_MAX)
        return EFBIG; /* 32 bits */
    if ((is_new && ftruncate(fd, (off_t)log_bytes(&shape))) || fstat(fd, &file))
        return errno;
    if ((uint64_t)file.st_size < log_bytes(&shape))
        return EPROTO; /* what is not there must not be touched */
    log->shape = shape;
    log->bytes = (size_t)log_bytes(&shape);
    memory = mmap(NULL, log->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED)
        return errno;
    log->head = memory;
    log->slots = (struct log_slot *)(log->head + 1);
    log->places = (uint64_t *)(log->slots + shape.slots);
    log->rings = (uint8_t *)(log->places + shape.places);
    if (is_new)
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

/* The position after this one, or a later one if all before that have been taken: who was stopped catches up. */
static inline uint64_t log_after(const shared_log *log, uint64_t position)
{
    uint64_t tail = __atomic_load_n(&log->head->tail, __ATOMIC_ACQUIRE);

    return (tail > position ? tail : position) + 1;
}

/* The newest position. */
static inline uint64_t log_tail(const shared_log *log)
{
    uint64_t next = log_after(log, 0);

    while (log_place_lap(log_place(log, next)) >= log_lap(log, next))
        next = log_after(log, next);
    return next - 1;
}

static inline void log_raise_tail(shared_log *log, uint64_t position)
{
    uint64_t tail = __atomic_load_n(&log->head->tail, __ATOMIC_RELAXED);

    while (tail < position
           && !__atomic_compare_exchange_n(&log->head->tail, &tail, position, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* How many slots are to be looked at. Who takes a further one reads nothing of what was appended before this call. */
static inline uint32_t log_used(const shared_log *log)
{
    uint32_t used = __atomic_load_n(&log->head->used, __ATOMIC_SEQ_CST);

    return used < log->shape.slots ? used : log->shape.slots;
}

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

static inline struct log_record *log_at(const shared_log *log, uint32_t writer, uint64_t offset)
{
    return (struct log_record *)(log->rings + writer * log->shape.ring_bytes + offset);
}

/* Where in its ring, counted on, a writer's next record of `need` bytes begins. */
static inline uint64_t log_next_begin(const shared_log *log, const struct log_slot *slot, uint64_t need)
{
    uint64_t begins = slot->ends, ring = log->shape.ring_bytes, used = begins % ring;

    if (used + need > ring
        || (used >= LOG_SOFT_BYTES && used / LOG_STEP_BYTES != (used + need) / LOG_STEP_BYTES
            && log_all_have_read(log, slot->newest)))
        begins += ring - used;
    return begins;
}

/* Writes a record of at most half a ring, which has no place yet, where the next one would be written too. Returns where
   it begins. */
static inline uint64_t log_write(shared_log *log, uint32_t writer, const void *bytes, struct log_record record)
{
    struct log_slot *slot = &log->slots[writer];
    uint64_t need = log_need(record.length), begins = log_next_begin(log, slot, need), ring = log->shape.ring_bytes;
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
    memcpy(to + 1, bytes, record.length);
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

    for (position = only ? only : log_tail(log) + 1;; position = log_after(log, position)) {
        found = log_place(log, position);
        __atomic_store_n(&to->position, position, __ATOMIC_RELAXED);
        if (log_place_lap(found) < log_lap(log, position)
            && __atomic_compare_exchange_n(&log->places[position % log->shape.places], &found,
                                           log_lap(log, position) << (LOG_SLOT_BITS + LOG_PLACE_BITS) | place, 0,
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
    from = log_at(log, *writer, begins);
    memcpy(record, from, sizeof *record);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    record->position = __atomic_load_n(&from->position, __ATOMIC_RELAXED); /* after the others: see log_write */
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
