/* How far a text is good UTF-8, block by block. The loop that all vector levels share; what judges a block is theirs.
 *
 * Rule 1: a block is judged together with the three bytes before it, which are read once more.
 * Rule 2: only whole blocks are judged. The last one ends where the text ends, and overlaps the one before.
 * Rule 3: what is not certain is left to utf8_walk: a text shorter than a block, one or two bytes behind the first
 *         block, the last character (the end may cut it), and everything from the last border before an error on.
 */
#ifndef REVURB_UTF8_BLOCKS_H
#define REVURB_UTF8_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

#define UTF8_BLOCK_MAX 32

/* Says something about a block, yes or no. */
typedef int utf8_judge(const uint8_t *block);

typedef struct {
    size_t size;
    utf8_judge *ascii;      /* is all of it ASCII? */
    utf8_judge *ascii_four; /* and of it and the three behind it? */
    utf8_judge *good;       /* is it good behind the three bytes before it? Its last character may go on behind it */
} utf8_block;

/* Is a block good where nothing is before it? */
static inline REVURB_INLINE int utf8_good_start(utf8_block block, const uint8_t *bytes)
{
    uint8_t behind_nothing[3 + UTF8_BLOCK_MAX] = {0};

    memcpy(behind_nothing + 3, bytes, block.size);
    return block.good(behind_nothing + 3);
}

/* Does a character from before `at` go on there? All before `at` is good so far. */
static inline int utf8_open(const uint8_t *bytes, size_t at)
{
    return at >= 3 && (bytes[at - 1] >= 0xC0 || bytes[at - 2] >= 0xE0 || bytes[at - 3] >= 0xF0);
}

/* The last border between two characters that is certain, if all before `at` is good so far: the start of the last
 * character, unless that is ASCII. */
static inline size_t utf8_border(const uint8_t *bytes, size_t at)
{
    if (at == 0 || bytes[at - 1] < 0x80)
        return at;
    do
        at--;
    while (at > 0 && (bytes[at] & 0xC0) == 0x80);
    return at;
}

/* Where the first block from `i` on that is not all ASCII starts, or the first that is not whole. */
static inline REVURB_INLINE size_t utf8_skip_ascii(utf8_block block, const uint8_t *bytes, size_t i, size_t count)
{
    while (count - i >= 4 * block.size && block.ascii_four(bytes + i))
        i += 4 * block.size;
    while (count - i >= block.size && block.ascii(bytes + i))
        i += block.size;
    return i;
}

/* How many of `count` bytes, from a border to a border, are good for certain. `block` is a constant: the compiler
 * makes a loop of its own for it, with the judges inside. */
static inline REVURB_INLINE size_t utf8_prefix_by(utf8_block block, const uint8_t *bytes, size_t count)
{
    size_t i = utf8_skip_ascii(block, bytes, 0, count);

    while (i < count) {
        if (count - i < block.size) {
            if (count < block.size + 3)
                break;
            i = count - block.size;
        }
        if (!block.ascii(bytes + i)) {
            if (!(i ? block.good(bytes + i) : utf8_good_start(block, bytes)))
                break;
            i += block.size;
        } else {
            if (utf8_open(bytes, i))
                break;
            i = utf8_skip_ascii(block, bytes, i + block.size, count);
        }
    }
    return utf8_border(bytes, i);
}

#endif
