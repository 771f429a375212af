/* Loops over bytes: unmask a payload (mask.h), follow UTF-8 (utf8.h), keep what has arrived of something unfinished.
 *
 * Rule: no Python in here, and no failure but the one that the return value names.
 */
#ifndef REVURB_BYTESOPS_H
#define REVURB_BYTESOPS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mask.h"
#include "utf8.h"

/* Bytes that have arrived of something that has not arrived whole. All zero is empty. */
typedef struct {
    uint8_t *bytes;
    size_t size, capacity;
} byte_store;

/* Make room for `count` more bytes, of `expected` in all. Doubles, so that arriving byte by byte stays linear, but
 * never past `expected`; so what is declared and has not arrived costs nothing. Returns 0 if there is no memory. */
static inline int store_reserve(byte_store *store, size_t count, uint64_t expected)
{
    size_t need = store->size + count, capacity = 2 * store->capacity;
    uint8_t *grown;

    if (need <= store->capacity)
        return 1;
    if (capacity > expected)
        capacity = (size_t)expected;
    if (capacity < need)
        capacity = need;
    grown = realloc(store->bytes, capacity);
    if (grown == NULL)
        return 0;
    store->bytes = grown;
    store->capacity = capacity;
    return 1;
}

static inline void store_drop(byte_store *store)
{
    free(store->bytes);
    store->bytes = NULL;
    store->size = store->capacity = 0;
}

#endif
