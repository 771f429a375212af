/* HMAC-SHA256 (RFC 2104, FIPS 180-4) in hex, for signing subscriptions to private and presence channels. A load
 * generator that needs no library builds wherever there is a C compiler; speed does not matter here. */
#ifndef REVURB_LOAD_SHA256_H
#define REVURB_LOAD_SHA256_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
} sha256;

static const uint32_t sha256_round[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t sha256_rotate(uint32_t word, int by)
{
    return word >> by | word << (32 - by);
}

static void sha256_take_block(sha256 *hash)
{
    uint32_t w[64], s[8];
    int i;

    for (i = 0; i < 16; i++)
        w[i] = (uint32_t)hash->block[4 * i] << 24 | (uint32_t)hash->block[4 * i + 1] << 16 |
               (uint32_t)hash->block[4 * i + 2] << 8 | hash->block[4 * i + 3];
    for (; i < 64; i++)
        w[i] = w[i - 16] + (sha256_rotate(w[i - 15], 7) ^ sha256_rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
               (sha256_rotate(w[i - 2], 17) ^ sha256_rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, hash->state, sizeof s);
    for (i = 0; i < 64; i++) {
        uint32_t one = s[7] + (sha256_rotate(s[4], 6) ^ sha256_rotate(s[4], 11) ^ sha256_rotate(s[4], 25)) +
                       ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha256_round[i] + w[i];
        uint32_t two = (sha256_rotate(s[0], 2) ^ sha256_rotate(s[0], 13) ^ sha256_rotate(s[0], 22)) +
                       ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (i = 0; i < 8; i++)
        hash->state[i] += s[i];
}

static void sha256_start(sha256 *hash)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(hash->state, start, sizeof start);
    hash->length = 0;
}

static void sha256_add(sha256 *hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    while (count--) {
        hash->block[hash->length++ % 64] = *at++;
        if (hash->length % 64 == 0)
            sha256_take_block(hash);
    }
}

static void sha256_end(sha256 *hash, uint8_t digest[32])
{
    uint64_t bits = hash->length * 8;
    uint8_t length[8];
    int i;

    sha256_add(hash, "\x80", 1);
    while (hash->length % 64 != 56)
        sha256_add(hash, "", 1);
    for (i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(hash, length, 8);
    for (i = 0; i < 32; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* `hex` takes 65 bytes. Keys longer than a block (64 bytes) are not supported: no app's secret is. */
static void hmac_hex(const char *key, const char *text, char *hex)
{
    uint8_t pad[64], digest[32];
    size_t i, length = strlen(key) < 64 ? strlen(key) : 64;
    sha256 hash;

    memset(pad, 0x36, sizeof pad);
    for (i = 0; i < length; i++)
        pad[i] ^= (uint8_t)key[i];
    sha256_start(&hash);
    sha256_add(&hash, pad, sizeof pad);
    sha256_add(&hash, text, strlen(text));
    sha256_end(&hash, digest);
    for (i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256_start(&hash);
    sha256_add(&hash, pad, sizeof pad);
    sha256_add(&hash, digest, sizeof digest);
    sha256_end(&hash, digest);
    for (i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

#endif
