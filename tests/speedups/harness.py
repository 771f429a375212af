"""The loops under the framer, callable on every level that this CPU has: the headers, compiled into a harness with all
warnings as errors.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from revurb import _speedups

HEADERS = Path(_speedups.__file__).parent
COMPILER = shutil.which("cc")
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]

needs_compiler = pytest.mark.skipif(
    COMPILER is None or not (HEADERS / "utf8.h").exists(),
    reason="needs a C compiler and the headers of the checkout",
)

HARNESS = r"""
#include "bytesops.h"
#include <stdio.h>

int best_level(void) { return (int)cpu_level(); }

void unmask_at(int level, uint8_t *to, const uint8_t *from, size_t count, const uint8_t *key, uint64_t offset)
{
    if (level < 0)
        unmask(to, from, count, key, offset);
    else
        unmask_on((cpu_level_t)level, to, from, count, key, offset);
}

static int follow(int level, utf8_state *state, const uint8_t *bytes, size_t count)
{
    if (level < 0)
        return utf8_follow(state, bytes, count);
    return utf8_follow_on((cpu_level_t)level, state, bytes, count);
}

/* Follow a text in two calls, the border at `cut`, and again ending at each byte. The index of the first byte that is
 * refused, or -1 and the bytes that are missing behind the end. -2: the state of a failed call has changed. */
ptrdiff_t offending(int level, const uint8_t *bytes, size_t count, size_t cut, uint8_t *missing)
{
    utf8_state start = {0, 0, 0}, state = start;
    size_t from, end;

    from = follow(level, &start, bytes, cut) ? cut : 0;
    for (end = from; end <= count; end++) {
        state = start;
        if (!follow(level, &state, bytes + from, end - from))
            return memcmp(&state, &start, sizeof state) ? -2 : (ptrdiff_t)end - 1;
    }
    *missing = state.missing;
    return -1;
}

/* All three bytes, at `at` in a text of 'a' (each ASCII byte but 'a' is like the next): how many texts are good and
 * whole by the walk. -1 if the level thinks otherwise of one, of it up to the third byte, or of what it misses. */
long all_threes(int level, size_t at, size_t count)
{
    uint8_t text[128];
    long good = 0;
    unsigned first, second, third;

    memset(text, 'a', sizeof text);
    for (first = 'a'; first < 256; first += first == 'a' ? 0x80 - 'a' : 1)
        for (second = 'a'; second < 256; second += second == 'a' ? 0x80 - 'a' : 1)
            for (third = 'a'; third < 256; third += third == 'a' ? 0x80 - 'a' : 1) {
                utf8_state one = {0, 0, 0}, other = {0, 0, 0}, one_cut = {0, 0, 0}, other_cut = {0, 0, 0};
                int expected, expected_cut;
                text[at] = (uint8_t)first, text[at + 1] = (uint8_t)second, text[at + 2] = (uint8_t)third;
                expected = utf8_walk(&one, text, count);
                expected_cut = utf8_walk(&one_cut, text, at + 3);
                if (follow(level, &other, text, count) != expected || other.missing != one.missing ||
                    follow(level, &other_cut, text, at + 3) != expected_cut || other_cut.missing != one_cut.missing)
                    return -1;
                good += expected && one.missing == 0;
            }
    return good;
}

/* Every level on buffers of exactly the right size: what is read or written outside them is for ASan to see. */
int main(void)
{
    static const char unit[] = "a\xF0\x9F\x98\x80\xE6\x97\xA5 plain \xC3\xA9\xE6\x97\xA5\xE6\x9C\xAC words and more";
    static const uint8_t key[4] = {0x12, 0xF4, 0x00, 0x9A};
    size_t count, start, i;
    int level;

    for (level = -1; level <= best_level(); level++)
        for (count = 0; count < 300; count++)
            for (start = 0; start < 2 * sizeof unit; start++) {
                uint8_t *from = malloc(count), *to = malloc(count), missing = 0;
                utf8_state state = {(uint8_t)(start % 4), 0x80, 0xBF}, expected = state;
                int good;
                if (count > 0 && (from == NULL || to == NULL))
                    return 2;
                for (i = 0; i < count; i++)
                    from[i] = (uint8_t)unit[start < sizeof unit ? (start + i) % (sizeof unit - 1) : 8];
                if (count > 0)
                    unmask_at(level, to, from, count, key, start);
                for (i = 0; i < count; i++)
                    if (to[i] != (from[i] ^ key[(start + i) % 4]))
                        return printf("unmask %d %zu %zu\n", level, count, start), 1;
                good = utf8_walk(&expected, from, count);
                if (follow(level, &state, from, count) != good || state.missing != expected.missing)
                    return printf("follow %d %zu %zu\n", level, count, start), 1;
                if (start % 7 == 0)
                    offending(level, from, count, count / 2, &missing);
                free(from);
                free(to);
            }
    return 0;
}
"""

# cpu_level_t; -1 asks the CPU, as the framer does.
LEVELS = {-1: "as chosen", 0: "plain", 1: "vector", 2: "avx2"}


class Harness:
    """The headers, compiled. A level is a key of LEVELS."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.offending.restype = ctypes.c_ssize_t
        self._library.all_threes.restype = ctypes.c_long
        self.levels = range(-1, self._library.best_level() + 1)

    def offending(self, level: int, data: bytes, cut: int = 0) -> tuple[int, int]:
        """(index, 0) of the byte that is refused; (-1, missing) if none is."""
        missing = ctypes.c_uint8()
        size = ctypes.c_size_t
        index = self._library.offending(level, data, size(len(data)), size(cut), ctypes.byref(missing))
        return index, missing.value

    def all_threes(self, level: int, at: int, count: int) -> int:
        found: int = self._library.all_threes(level, ctypes.c_size_t(at), ctypes.c_size_t(count))
        return found

    def unmask(
        self,
        level: int,
        memory: ctypes.Array[ctypes.c_char],
        to: int,
        at: int,
        count: int,
        key: bytes,
        offset: int,
    ) -> None:
        start = ctypes.addressof(memory)
        self._library.unmask_at(
            level,
            ctypes.c_void_p(start + to),
            ctypes.c_void_p(start + at),
            ctypes.c_size_t(count),
            key,
            ctypes.c_uint64(offset),
        )


def build(folder: Path, name: str, *flags: str) -> Path:
    source, built = folder / f"{name}.c", folder / name
    source.write_text(HARNESS)
    assert COMPILER is not None
    command = [COMPILER, *STRICT, *flags, f"-I{HEADERS}", str(source), "-o", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip("this compiler has no sanitizers")
    assert done.returncode == 0, done.stderr
    return built
