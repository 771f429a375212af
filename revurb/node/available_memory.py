"""The memory that this process may use, for limits that follow from it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

# cgroup v2 and v1: the limit of a container, in bytes. Without one v2 says "max", and v1 a number beyond any memory.
MEMORY_MAX = Path("/sys/fs/cgroup/memory.max")
LIMIT_IN_BYTES = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")


def available_memory_bytes() -> int:
    """The memory of the machine, but no more than the limit of its container."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in (MEMORY_MAX, LIMIT_IN_BYTES):
        with contextlib.suppress(OSError, ValueError):
            available = min(available, int(file.read_text()))
    return available
