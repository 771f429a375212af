"""The loops under the framer, on every level that this CPU has: unmask against a naive loop, UTF-8 against Python's own
decoder, down to the index of the offending byte. The headers are compiled into a harness, with all warnings as errors,
and once more as a program under ASan and UBSan.
"""

from __future__ import annotations

import codecs
import ctypes
import itertools
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb import _speedups
from revurb._speedups.frames import TEXT, FrameReader
from tests.speedups.wire_bytes import client_frame

HEADERS = Path(_speedups.__file__).parent
COMPILER = shutil.which("cc")
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]

pytestmark = pytest.mark.skipif(
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

# The borders of RFC 3629, and bytes beside them.
BORDERS = bytes.fromhex("00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 f8 ff")

TEXTS = {
    "ascii": "The quick brown fox jumps over the lazy dog, again and again and again. " * 4,
    "latin": "Größe der Straße, où êtes-vous? Ça va, señor? " * 5,
    "greek and cyrillic": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Съешь же ещё этих мягких булок. " * 2,
    "japanese": "いろはにほへとちりぬるを日本語の文章です。" * 4,
    "emoji": "😀🚀👩‍💻🏳️‍🌈" * 10,
    "json": '{"event":"client-said","data":"{\\"text\\":\\"héllo 世界 😀, how are you?\\"}"} ' * 3,
    "sparse": ("x" * 61 + "—") * 5,
    "edges": "\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff" * 10,
}


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


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(build(tmp_path_factory.mktemp("bytesops"), "harness", "-O3", "-shared", "-fPIC"))


def by_python(data: bytes) -> tuple[int, int]:
    """As Harness.offending, by the decoder of the standard library."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data)
    except UnicodeDecodeError as error:
        return (error.start if error.reason == "invalid start byte" else error.end), 0
    pending = decoder.getstate()[0]
    if not pending:
        return -1, 0
    return -1, (2 if pending[0] < 0xE0 else 3 if pending[0] < 0xF0 else 4) - len(pending)


def samples(count: int, seed: int = 0) -> Iterator[bytes]:
    """Texts of all kinds, cut anywhere, most with a few bytes replaced."""
    chance = random.Random(seed)
    whole = "".join(TEXTS.values()).encode()
    for _ in range(count):
        start = chance.randrange(len(whole))
        text = bytearray(whole[start : start + chance.randrange(200)])
        for _ in range(chance.choice([0, 0, 1, 1, 2]) if text else 0):
            text[chance.randrange(len(text))] = chance.choice([*BORDERS, chance.randrange(256)])
        yield bytes(text)


def test_print_the_levels_of_this_cpu(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n[bytesops levels: {', '.join(LEVELS[level] for level in harness.levels)}]")
    assert {-1, 0} <= set(harness.levels)


def test_clean_under_sanitizers(tmp_path: Path) -> None:
    program = build(tmp_path, "program", "-O1", *SANITIZERS)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_compiles_without_optimisation(tmp_path: Path) -> None:
    assert subprocess.run([build(tmp_path, "program", "-O0")], check=False).returncode == 0


# UTF-8


@pytest.mark.parametrize("before", [0, 1, 14, 15, 29, 30, 31, 32, 63, 95, 130])
def test_one_and_two_bytes(harness: Harness, before: int) -> None:
    """Each as it is, and with ASCII behind it that fills another block."""
    for level in harness.levels:
        for first in range(256):
            for after in (0, 40):
                data = b"a" * before + bytes([first]) + b"a" * after
                assert harness.offending(level, data, before) == by_python(data), (LEVELS[level], data)
    pairs = [bytes(pair) for pair in itertools.product(BORDERS, range(256))]
    for data in (b"a" * before + pair + b"a" * 40 for pair in pairs):
        expected = by_python(data)
        for level in harness.levels:
            assert harness.offending(level, data, before) == expected, (LEVELS[level], data)


@pytest.mark.parametrize("before", [0, 13, 30, 31])
def test_three_and_four_bytes_at_the_borders(harness: Harness, before: int) -> None:
    for size in (3, 4):
        kinds = BORDERS if size == 3 else bytes.fromhex("41 80 8f 90 9f a0 bf c2 e0 ed f0 f4")
        for data in (
            b"a" * before + bytes(some) + b"a" * 36 for some in itertools.product(kinds, repeat=size)
        ):
            expected = by_python(data)
            for level in harness.levels:
                assert harness.offending(level, data, before) == expected, (LEVELS[level], data)


@pytest.mark.parametrize("count", [33, 64, 100])
@pytest.mark.parametrize("at", [0, 5, 14, 29, 30])
def test_all_three_bytes(harness: Harness, at: int, count: int) -> None:
    """All levels agree with the walk, and the walk accepts as many as there are. That it accepts each of them:
    test_every_character."""
    single, double, triple = 1, 0x800 - 0x80, 0x10000 - 0x800 - 0x800
    for level in harness.levels:
        assert harness.all_threes(level, at, count) == single**3 + 2 * single * double + triple, LEVELS[level]


def test_every_character(harness: Harness) -> None:
    every = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for start in range(0, len(every), 300):
        data = "".join(every[start : start + 300]).encode()
        for level in harness.levels:
            assert harness.offending(level, data, len(data)) == (-1, 0), LEVELS[level]


@pytest.mark.parametrize("name", TEXTS)
def test_cut_anywhere_and_continued(harness: Harness, name: str) -> None:
    data = TEXTS[name].encode()[:150]
    for level in harness.levels:
        for end in range(len(data) + 1):
            expected = by_python(data[:end])
            for cut in {0, end // 2, max(0, end - 33), max(0, end - 2), end}:
                assert harness.offending(level, data[:end], cut) == expected, (LEVELS[level], end, cut)


@pytest.mark.parametrize("name", TEXTS)
def test_one_bad_byte_anywhere(harness: Harness, name: str) -> None:
    good = TEXTS[name].encode()
    for at in range(len(good)):
        for bad in bytes.fromhex("41 80 bf c0 e4 f5 ff"):
            data = good[:at] + bytes([bad]) + good[at + 1 :]
            expected = by_python(data)
            for level in harness.levels:
                assert harness.offending(level, data, at // 2) == expected, (LEVELS[level], at, bad)


def test_sampled_texts(harness: Harness) -> None:
    for data in samples(10_000):
        expected = by_python(data)
        for level in harness.levels:
            for cut in {0, len(data) // 3, len(data)}:
                assert harness.offending(level, data, cut) == expected, (LEVELS[level], data, cut)


@pytest.mark.parametrize("at", [0, 31, 32, 33, 1000, 4095, 4999])
def test_the_framer_fails_at_the_offending_byte(at: int) -> None:
    text = b"\xff".join((("日本語 " * 500).encode()[:5000][:at], b"x" * (5000 - at)))
    index = by_python(text)[0]
    wire = client_frame(TEXT, text)
    end = len(wire) - len(text) + index
    reader = FrameReader(1 << 20)
    reader.feed(wire[:end])
    assert reader.failure is None
    reader.feed(wire[end : end + 1])
    assert reader.failure == (1007, "Text is not valid UTF-8")


# Masks


def assert_unmasks(
    harness: Harness, level: int, data: bytes, key: bytes, offset: int, at: int, to: int
) -> None:
    """`data` lies `at` bytes behind a border of 64 and goes to `to` bytes behind another one. All else stays."""
    source, target = 64 + at, 128 + len(data) // 64 * 64 + 64 + to
    before = bytearray(random.Random(len(data)).randbytes(target + len(data) + 64))
    before[source : source + len(data)] = data
    expected = before.copy()
    plain = bytes(byte ^ key[(offset + place) % 4] for place, byte in enumerate(data))
    expected[target : target + len(data)] = plain
    memory = ctypes.create_string_buffer(bytes(before), len(before))
    harness.unmask(level, memory, target, source, len(data), key, offset)
    assert memory.raw == expected, (LEVELS[level], len(data), offset, at, to)
    harness.unmask(level, memory, source, source, len(data), key, offset)
    expected[source : source + len(data)] = plain
    assert memory.raw == expected, ("in place", LEVELS[level], len(data), offset, at)


@pytest.mark.parametrize("offset", range(8))
def test_unmask_any_size(harness: Harness, offset: int) -> None:
    chance = random.Random(offset)
    for level in harness.levels:
        for count in range(201):
            at, to = chance.randrange(32), chance.randrange(32)
            assert_unmasks(harness, level, chance.randbytes(count), chance.randbytes(4), offset, at, to)


def test_unmask_long_and_far(harness: Harness) -> None:
    chance = random.Random(6455)
    for level in harness.levels:
        for _ in range(50):
            data, offset = chance.randbytes(chance.randrange(5000)), chance.randrange(1 << 63)
            assert_unmasks(harness, level, data, chance.randbytes(4), offset, chance.randrange(64), 1)
