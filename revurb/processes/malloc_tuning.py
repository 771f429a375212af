"""A setting of glibc's malloc for a process with many TLS connections.

uvloop reads each of them through a buffer of 256 KiB, of which a handshake and the messages after it touch the first
page. A block as large as that is mapped by itself, so that the rest of it takes no memory. But glibc takes the first
such block that is freed as a sign that blocks of this size come and go, and has the next ones on its heap, among small
ones: their pages have been used by others, and stay. An idle connection took 24.9 KB until one had closed, and 47 KB
from then on. Naming the threshold, with the value that it has at the start, ends the guessing.

glibc maps at most 65,536 blocks by themselves; with more connections to one process, those beyond are on the heap.
"""

from __future__ import annotations

from revurb._speedups import heap

THRESHOLD_BYTES = 128 * 1024  # glibc's own at the start of a process


def map_large_blocks() -> bool:
    """Have every block of `THRESHOLD_BYTES` and more that does not fit between what is on the heap already mapped by
    itself from now on, and unmapped when it is freed. Returns False where the C library has no such threshold."""
    return heap.map_from(THRESHOLD_BYTES)
