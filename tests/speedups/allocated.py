"""How much memory of this process is in use, by the allocators' own books.

Not by the resident set: memory that was freed before stays in that, and what leaks fills it without a sign.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import NamedTuple

_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _Mallinfo2(ctypes.Structure):
    """`struct mallinfo2` of mallinfo(3), glibc 2.33."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS.split()]


class Allocated(NamedTuple):
    """`blocks` are Python's small objects, up to 512 bytes each; `heap_bytes` is everything else."""

    blocks: int
    heap_bytes: int


def allocated() -> Allocated:
    """What is in use once the garbage is collected."""
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    heap = mallinfo2()
    return Allocated(sys.getallocatedblocks(), heap.uordblks + heap.hblkhd)
