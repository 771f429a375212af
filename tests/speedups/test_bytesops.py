"""The loops under the framer, on every level that this CPU has: once more as a program under ASan and UBSan, and unmask
against a naive loop. Those of UTF-8 are for test_utf8.py.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
from pathlib import Path

import pytest

from tests.speedups.harness import LEVELS, Harness, build, needs_compiler

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]

pytestmark = needs_compiler


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
