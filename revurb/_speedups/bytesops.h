/* Loops over bytes: unmask a payload, follow UTF-8, keep what has arrived of something unfinished.
 *
 * Rule 1: words are read and written with memcpy. Nothing is assumed about alignment, and nothing outside
 *         [from, from + count) is touched. The compiler turns this into plain (vector) loads and stores.
 * Rule 2: no Python in here, and no failure but the one that the return value names.
 */
#ifndef REVURB_BYTESOPS_H
#define REVURB_BYTESOPS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6455 5.3: to[i] = from[i] ^ key[(offset + i) mod 4]. `offset` counts the payload bytes before `from`. */
static inline void unmask(uint8_t *to, const uint8_t *from, size_t count, const uint8_t key[4], uint64_t offset)
{
    uint8_t rotated[8];
    uint64_t mask, word;
    size_t i;

    for (i = 0; i < 8; i++)
        rotated[i] = key[(offset + i) & 3];
    memcpy(&mask, rotated, 8);
    for (i = 0; count - i >= 8; i += 8) {
        memcpy(&word, from + i, 8);
        word ^= mask;
        memcpy(to + i, &word, 8);
    }
    for (; i < count; i++)
        to[i] = from[i] ^ rotated[i & 7];
}

/* Where a UTF-8 text stands: `missing` bytes of a character are still to come, the next one in [low, high].
 * All zero at the start of a text and between two characters. */
typedef struct {
    uint8_t missing, low, high;
} utf8_state;

/* Follow `count` more bytes of a text (RFC 3629, table 3-7 of the Unicode standard: no overlong form, no
 * surrogate, nothing above U+10FFFF). Returns 0 at the first byte that cannot continue the text, else 1. */
static inline int utf8_follow(utf8_state *state, const uint8_t *bytes, size_t count)
{
    utf8_state at = *state;
    uint64_t word;
    size_t i = 0;

    while (i < count) {
        uint8_t byte = bytes[i];
        if (at.missing) {
            if (byte < at.low || byte > at.high)
                return 0;
            at.missing--;
            at.low = 0x80;
            at.high = 0xBF;
            i++;
            continue;
        }
        if (byte < 0x80) {
            /* Most text is ASCII: look at eight bytes a step as long as no top bit is set. */
            for (; count - i >= 8; i += 8) {
                memcpy(&word, bytes + i, 8);
                if (word & UINT64_C(0x8080808080808080))
                    break;
            }
            while (i < count && bytes[i] < 0x80)
                i++;
            continue;
        }
        if (byte < 0xC2 || byte > 0xF4)
            return 0;
        at.missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
        at.low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
        at.high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
        i++;
    }
    *state = at;
    return 1;
}

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
