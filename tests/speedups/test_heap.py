"""The heap of the C library is returned to the system."""

from __future__ import annotations

import mmap
import platform
from pathlib import Path

import pytest

from revurb._speedups import heap


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others cannot be asked")
def test_free_memory_is_returned() -> None:
    blocks = [bytearray(100_000) for _ in range(300)]  # below the size from which each has its own mapping
    del blocks[:-1]  # the last one keeps the end of the heap where it is
    before = resident_bytes()
    assert heap.trim()
    assert resident_bytes() < before - 10_000_000


@pytest.mark.parametrize("size_bytes", [0, -1])
def test_blocks_have_a_size(size_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"more than 0 bytes, not {size_bytes}"):
        heap.map_from(size_bytes)
