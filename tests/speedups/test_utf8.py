"""The loops that follow UTF-8, on every level that this CPU has, against Python's own decoder, down to the index of the
offending byte.
"""

from __future__ import annotations

import codecs
import itertools
import random
from collections.abc import Iterator

import pytest

from revurb._speedups.frames import TEXT, FrameReader
from tests.speedups.harness import LEVELS, Harness, needs_compiler
from tests.speedups.wire_bytes import client_frame

pytestmark = needs_compiler

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
