/* The memory of a log that processes share, and where in it everything is. What is done with it is in shared_log.h. No Python
   in here. */
#ifndef REVURB_LOG_MEMORY_H
#define REVURB_LOG_MEMORY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define LOG_MAGIC 0x5245565552420003ULL /* "REVURB", and the version of this layout and of log_events.h */
#define LOG_UNIT 64                     /* bytes of a cache line: records begin at multiples of it */
#define LOG_BUCKETS 65536               /* of topics */
#define LOG_SOFT_BYTES (1u << 20)       /* of a ring that are used while all keep up: they stay in the processor's cache */
#define LOG_STEP_BYTES (1u << 16)       /* how often it is looked whether all do */
#define LOG_PAGE 65536 /* the largest that systems have */
#define LOG_SLOT_BITS 11
#define LOG_PLACE_BITS 20
#define LOG_FLAGGED (1ULL << (LOG_SLOT_BITS + LOG_PLACE_BITS)) /* in a place: somebody wants it besides its topic's */
#define LOG_LAP_SHIFT (LOG_SLOT_BITS + LOG_PLACE_BITS + 1)
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
    size_t topics;          /* how many this process has added */
} shared_log;

/* Whether a log may have this shape: all that is computed from it then fits, and every record begins with a line. */
static inline int log_is_shape(const struct log_shape *shape)
{
    return shape->magic == LOG_MAGIC && shape->slots && !(shape->slots >> LOG_SLOT_BITS)
           && shape->places && shape->places <= LOG_MAX_PLACES && shape->places % (LOG_UNIT / sizeof(uint64_t)) == 0
           && shape->ring_bytes >= 8 * LOG_UNIT && shape->ring_bytes % LOG_UNIT == 0
           && shape->ring_bytes / LOG_UNIT <= 1u << LOG_PLACE_BITS;
}

/* Where the rings begin: at a page, so that pages of them can be given back. */
static inline uint64_t log_rings_at(const struct log_shape *shape)
{
    uint64_t before = sizeof(struct log_head) + shape->slots * sizeof(struct log_slot) + shape->places * sizeof(uint64_t);

    return (before + LOG_PAGE - 1) / LOG_PAGE * LOG_PAGE;
}

static inline uint64_t log_bytes(const struct log_shape *shape)
{
    return log_rings_at(shape) + shape->slots * shape->ring_bytes;
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
    log->rings = (uint8_t *)memory + log_rings_at(&shape);
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
    return place >> LOG_LAP_SHIFT;
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

#endif
