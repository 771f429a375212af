"""Where a block of the size of uvloop's TLS buffers is, after one has been freed; in a process of its own each time."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, re, sys
from revurb.processes.malloc_tuning import map_large_blocks
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if sys.argv[1] == "tuned":
    assert map_large_blocks()
blocks = [libc.malloc(256 * 1024) for _ in range(64)]  # the first of them where the heap has room for one
libc.free(blocks.pop())
block = libc.malloc(256 * 1024)
heap = re.search(r"(?m)^([0-9a-f]+)-([0-9a-f]+) .*\\[heap\\]$", open("/proc/self/maps").read())
print(int(heap[1], 16) <= block < int(heap[2], 16))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such threshold")
@pytest.mark.parametrize(("how", "on_heap"), [("tuned", "False"), ("untuned", "True")])
def test_a_large_block_is_on_the_heap_only_if_glibc_is_left_to_guess(how: str, on_heap: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == (on_heap, "")
