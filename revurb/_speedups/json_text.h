/* Find what has a meaning in a JSON string (RFC 8259 section 7). No Python in here. */
#ifndef REVURB_JSON_TEXT_H
#define REVURB_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EVERY_BYTE UINT64_C(0x0101010101010101)

/* The top bit set in each byte of `word` that is 0, and perhaps in some above one. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EVERY_BYTE) & ~word;
}

/* How many of `count` bytes come before the first that is a quote, a backslash, a control character or not ASCII. */
static inline size_t json_plain_prefix(const uint8_t *bytes, size_t count)
{
    size_t done = 0;

    for (; count - done >= 8; done += 8) { /* eight a step */
        uint64_t word, found;

        memcpy(&word, bytes + done, 8);
        found = zero_bytes(word ^ '"' * EVERY_BYTE) | zero_bytes(word ^ '\\' * EVERY_BYTE);
        found = (found | (word - 0x20 * EVERY_BYTE) | word) & 0x80 * EVERY_BYTE;
        if (found) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return done + (size_t)(__builtin_ctzll(found) >> 3); /* the lowest is never one of the "perhaps" */
#else
            break;
#endif
        }
    }
    while (done < count && bytes[done] >= 0x20 && bytes[done] < 0x80 && bytes[done] != '"' && bytes[done] != '\\')
        done++;
    return done;
}

#endif
