/* A reader at the edge of a small ring, and a writer that writes over what it reads. Prints how often the reader was
   given a record, and how often that was not the record of its position. */
#define _GNU_SOURCE
#include "shared_log.h"

#include <pthread.h>
#include <stdio.h>

#define READS 8000000

static shared_log log_;
static int is_over;

static void *write_on(void *nothing)
{
    const struct log_record record = {.length = 16, .bucket = 1};

    for (uint64_t number = 1; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); number++) {
        uint64_t data[2] = {number, number};

        log_commit(&log_, 0, log_write(&log_, 0, data, record), 0);
    }
    return nothing;
}

int main(void)
{
    struct log_shape shape = {LOG_MAGIC, 4096, 512, 2}; /* eight records of a line */
    uint64_t given = 0, wrong = 0;
    pthread_t writer;
    int reader;

    if (log_open(&log_, memfd_create("log", 0), shape) || log_attach(&log_, 1, 0, 0) != 0)
        return 1;
    reader = log_attach(&log_, 2, 0, 0);
    log_.slots[reader].topics[0] = 2;
    log_.topics = 1;
    if (pthread_create(&writer, NULL, write_on, NULL))
        return 1;
    while (log_tail(&log_) < 16)
        ;
    for (int i = 0; i < READS; i++) {
        uint64_t position = log_tail(&log_) - 5 - i % 4, data[2];
        struct log_record record;
        uint32_t from;
        const uint8_t *at;

        if (log_peek(&log_, reader, position, &record, &from, &at) != LOG_READ)
            continue;
        memcpy(data, at, sizeof data);
        if (!log_is_whole(&log_, &record, from))
            continue;
        given++;
        wrong += data[0] != position || data[1] != position;
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    pthread_join(writer, NULL);
    printf("%llu %llu\n", (unsigned long long)given, (unsigned long long)wrong);
    return 0;
}
