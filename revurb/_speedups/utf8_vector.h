/* UTF-8 in blocks of 16 bytes, in vectors of GNU C: the compiler makes SSE2 or NEON of them.
 *
 * A comparison of vectors is 0xFF where it holds, else 0. Each rule of table 3-7 is one, for all places at once.
 */
#ifndef REVURB_UTF8_VECTOR_H
#define REVURB_UTF8_VECTOR_H

#include <stdint.h>
#include <string.h>

#include "utf8_blocks.h"

typedef uint8_t utf8_bytes16 __attribute__((vector_size(16)));

static inline utf8_bytes16 utf8_load16(const uint8_t *bytes)
{
    utf8_bytes16 loaded;

    memcpy(&loaded, bytes, 16);
    return loaded;
}

#define WHERE(comparison) ((utf8_bytes16)(comparison))
#define EACH(byte) ((utf8_bytes16){0} + (uint8_t)(byte))

static inline int utf8_any16(utf8_bytes16 bits)
{
    uint64_t halves[2];

    memcpy(halves, &bits, 16);
    return (halves[0] | halves[1]) != 0;
}

static inline int utf8_ascii_16(const uint8_t *block)
{
    return !utf8_any16(utf8_load16(block) & EACH(0x80));
}

static inline int utf8_ascii_4x16(const uint8_t *block)
{
    utf8_bytes16 low = utf8_load16(block) | utf8_load16(block + 16);
    utf8_bytes16 high = utf8_load16(block + 32) | utf8_load16(block + 48);

    return !utf8_any16((low | high) & EACH(0x80));
}

static inline int utf8_good_16(const uint8_t *block)
{
    utf8_bytes16 here = utf8_load16(block), before = utf8_load16(block - 1);
    /* A continuation has to be where a character goes on, and nowhere else. */
    utf8_bytes16 continues = WHERE((here & EACH(0xC0)) == EACH(0x80));
    utf8_bytes16 due = WHERE(before >= EACH(0xC0)) | WHERE(utf8_load16(block - 2) >= EACH(0xE0)) |
                       WHERE(utf8_load16(block - 3) >= EACH(0xF0));
    utf8_bytes16 wrong = continues ^ due;

    wrong |= WHERE((here & EACH(0xFE)) == EACH(0xC0)) | WHERE(here >= EACH(0xF5));
    wrong |= WHERE(before == EACH(0xE0)) & WHERE(here < EACH(0xA0)); /* overlong */
    wrong |= WHERE(before == EACH(0xED)) & WHERE(here > EACH(0x9F)); /* a surrogate */
    wrong |= WHERE(before == EACH(0xF0)) & WHERE(here < EACH(0x90)); /* overlong */
    wrong |= WHERE(before == EACH(0xF4)) & WHERE(here > EACH(0x8F)); /* above U+10FFFF */
    return !utf8_any16(wrong);
}

#undef WHERE
#undef EACH

static inline size_t utf8_prefix_vector(const uint8_t *bytes, size_t count)
{
    utf8_block block = {16, utf8_ascii_16, utf8_ascii_4x16, utf8_good_16};

    return utf8_prefix_by(block, bytes, count);
}

#endif
