/* UTF-8 in blocks of 32 bytes, with AVX2.
 *
 * The idea is from J. Keiser, D. Lemire: Validating UTF-8 In Less Than One Instruction Per Byte (2020). Every error but
 * one shows in a byte and the top half of the next one. Give each kind of error a bit. For each of the three halves a
 * table has, for each of its 16 values, the kinds that it allows. A kind that all three allow is there.
 *
 * The error that is left: the third byte of a character, and the fourth, must be continuations too. For that a pair of
 * continuations is a kind like the others. It has to be where a third or fourth byte is due, and nowhere else.
 */
#ifndef REVURB_UTF8_AVX2_H
#define REVURB_UTF8_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#include "cpu.h"
#include "utf8_blocks.h"

enum {
    PAIR_SHORT = 1 << 0,      /* C0-FF, then none of 80-BF */
    PAIR_LONG = 1 << 1,       /* 00-7F, then 80-BF */
    PAIR_OVERLONG_2 = 1 << 2, /* C0-C1, then 80-BF: below U+0080 */
    PAIR_OVERLONG_3 = 1 << 3, /* E0, then 80-9F: below U+0800 */
    PAIR_SURROGATE = 1 << 4,  /* ED, then A0-BF: U+D800-DFFF */
    PAIR_HIGH = 1 << 5,       /* F4-FF, then 90-BF: above U+10FFFF */
    PAIR_EDGE = 1 << 6,       /* F0, then 80-8F: below U+10000; F5-FF, then 80-8F: above U+10FFFF */
    PAIR_CONTINUED = 1 << 7   /* 80-BF, then 80-BF */
};

/* By the top half of the first byte. */
static const uint8_t utf8_first_top[16] = {
    PAIR_LONG, PAIR_LONG, PAIR_LONG, PAIR_LONG, PAIR_LONG, PAIR_LONG, PAIR_LONG, PAIR_LONG,
    PAIR_CONTINUED, PAIR_CONTINUED, PAIR_CONTINUED, PAIR_CONTINUED,
    PAIR_SHORT | PAIR_OVERLONG_2,                  /* C0-CF */
    PAIR_SHORT,                                    /* D0-DF */
    PAIR_SHORT | PAIR_OVERLONG_3 | PAIR_SURROGATE, /* E0-EF */
    PAIR_SHORT | PAIR_HIGH | PAIR_EDGE,            /* F0-FF */
};

/* By the low half of the first byte. */
#define ANY (PAIR_SHORT | PAIR_LONG | PAIR_CONTINUED)
#define FROM_F5 (ANY | PAIR_HIGH | PAIR_EDGE)
static const uint8_t utf8_first_low[16] = {
    ANY | PAIR_OVERLONG_2 | PAIR_OVERLONG_3 | PAIR_EDGE, /* C0, E0, F0 */
    ANY | PAIR_OVERLONG_2,                               /* C1 */
    ANY, ANY,
    ANY | PAIR_HIGH, /* F4 */
    FROM_F5, FROM_F5, FROM_F5, FROM_F5, FROM_F5, FROM_F5, FROM_F5, FROM_F5,
    FROM_F5 | PAIR_SURROGATE, /* ED */
    FROM_F5, FROM_F5,
};
#undef ANY
#undef FROM_F5

/* By the top half of the second byte. */
#define CONTINUATION (PAIR_LONG | PAIR_OVERLONG_2 | PAIR_CONTINUED)
static const uint8_t utf8_second_top[16] = {
    PAIR_SHORT, PAIR_SHORT, PAIR_SHORT, PAIR_SHORT, PAIR_SHORT, PAIR_SHORT, PAIR_SHORT, PAIR_SHORT,
    CONTINUATION | PAIR_OVERLONG_3 | PAIR_EDGE, /* 80-8F */
    CONTINUATION | PAIR_OVERLONG_3 | PAIR_HIGH, /* 90-9F */
    CONTINUATION | PAIR_SURROGATE | PAIR_HIGH,  /* A0-AF */
    CONTINUATION | PAIR_SURROGATE | PAIR_HIGH,  /* B0-BF */
    PAIR_SHORT, PAIR_SHORT, PAIR_SHORT, PAIR_SHORT,
};
#undef CONTINUATION

REVURB_AVX2 static inline __m256i utf8_load32(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const __m256i_u *)bytes);
}

REVURB_AVX2 static inline __m256i utf8_lookup(const uint8_t table[16], __m256i half)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i_u *)table)), half);
}

REVURB_AVX2 static inline __m256i utf8_top_half(__m256i bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

REVURB_AVX2 static inline int utf8_ascii_32(const uint8_t *block)
{
    return _mm256_movemask_epi8(utf8_load32(block)) == 0;
}

REVURB_AVX2 static inline int utf8_ascii_4x32(const uint8_t *block)
{
    __m256i low = _mm256_or_si256(utf8_load32(block), utf8_load32(block + 32));
    __m256i high = _mm256_or_si256(utf8_load32(block + 64), utf8_load32(block + 96));

    return _mm256_movemask_epi8(_mm256_or_si256(low, high)) == 0;
}

REVURB_AVX2 static inline int utf8_good_32(const uint8_t *block)
{
    __m256i here = utf8_load32(block), before = utf8_load32(block - 1);
    __m256i by_first_top = utf8_lookup(utf8_first_top, utf8_top_half(before));
    __m256i by_first_low = utf8_lookup(utf8_first_low, _mm256_and_si256(before, _mm256_set1_epi8(0x0F)));
    __m256i by_second_top = utf8_lookup(utf8_second_top, utf8_top_half(here));
    __m256i kinds = _mm256_and_si256(_mm256_and_si256(by_first_top, by_first_low), by_second_top);
    /* Less what a lead of three bytes (of four) is above 0x80, the top bit is left of those leads alone. */
    __m256i third = _mm256_subs_epu8(utf8_load32(block - 2), _mm256_set1_epi8(0xE0 - 0x80));
    __m256i fourth = _mm256_subs_epu8(utf8_load32(block - 3), _mm256_set1_epi8(0xF0 - 0x80));
    __m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)PAIR_CONTINUED));
    __m256i wrong = _mm256_xor_si256(kinds, due);

    return _mm256_testz_si256(wrong, wrong);
}

REVURB_AVX2 static inline size_t utf8_prefix_avx2(const uint8_t *bytes, size_t count)
{
    utf8_block block = {32, utf8_ascii_32, utf8_ascii_4x32, utf8_good_32};

    return utf8_prefix_by(block, bytes, count);
}

#endif
