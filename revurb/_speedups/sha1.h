/* SHA-1 (RFC 3174) of a few bytes, for the proof of a WebSocket handshake (RFC 6455 4.2.2), which is no secret and
 * protects nothing. By way of hashlib it took 1.5 us for each connection. No Python in here.
 */
#ifndef REVURB_SHA1_H
#define REVURB_SHA1_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHA1_BYTES 20
#define SHA1_MAX_BYTES 119 /* of the message: two blocks, with its end */

static inline uint32_t sha1_rotate(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

/* Twenty rounds, of which F is the function and CONSTANT the constant. Five at a time, so that nothing is moved from
 * one variable to the next. */
#define SHA1_ROUND(a, b, c, d, e, F, constant, word) \
    e += sha1_rotate(a, 5) + (F) + (constant) + (word); \
    b = sha1_rotate(b, 30)
#define SHA1_F1(b, c, d) (d ^ (b & (c ^ d)))
#define SHA1_F2(b, c, d) (b ^ c ^ d)
#define SHA1_F3(b, c, d) ((b & c) | (d & (b | c)))
#define SHA1_TWENTY(F, constant, from) \
    for (i = (from); i < (from) + 20; i += 5) { \
        SHA1_ROUND(a, b, c, d, e, F(b, c, d), constant, w[i]); \
        SHA1_ROUND(e, a, b, c, d, F(a, b, c), constant, w[i + 1]); \
        SHA1_ROUND(d, e, a, b, c, F(e, a, b), constant, w[i + 2]); \
        SHA1_ROUND(c, d, e, a, b, F(d, e, a), constant, w[i + 3]); \
        SHA1_ROUND(b, c, d, e, a, F(c, d, e), constant, w[i + 4]); \
    }

static inline void sha1_block(uint32_t state[5], const uint8_t *bytes)
{
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    int i;

    for (i = 0; i < 16; i++, bytes += 4)
        w[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    for (; i < 80; i++)
        w[i] = sha1_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    SHA1_TWENTY(SHA1_F1, 0x5A827999, 0)
    SHA1_TWENTY(SHA1_F2, 0x6ED9EBA1, 20)
    SHA1_TWENTY(SHA1_F3, 0x8F1BBCDC, 40)
    SHA1_TWENTY(SHA1_F2, 0xCA62C1D6, 60)
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* The digest of at most SHA1_MAX_BYTES. */
static inline void sha1(const uint8_t *message, size_t size, uint8_t digest[SHA1_BYTES])
{
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t padded[128] = {0};
    size_t total = size < 56 ? 64 : 128, i;
    uint64_t bits = (uint64_t)size * 8;

    memcpy(padded, message, size);
    padded[size] = 0x80;
    for (i = 0; i < 8; i++)
        padded[total - 1 - i] = (uint8_t)(bits >> (8 * i));
    for (i = 0; i < total; i += 64)
        sha1_block(state, padded + i);
    for (i = 0; i < SHA1_BYTES; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

#endif
