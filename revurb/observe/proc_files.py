"""What Linux tells of another process of this host: CPU time and memory, in /proc."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcUsage:
    """CPU time used so far by all threads, time that the first thread waited for a processor, and resident memory."""

    cpu_s: float
    memory_bytes: int
    waited_s: float = 0.0


def proc_usage(pid: int) -> ProcUsage | None:
    """None where the process is gone, or the system has no such files."""
    try:
        resident_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        # utime and stime; the name of the program, in brackets, may have any characters.
        ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    except (OSError, ValueError, IndexError):
        return None
    waited_s = 0.0
    with contextlib.suppress(OSError, ValueError, IndexError):  # not every kernel counts it
        waited_s = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    memory_bytes = resident_pages * os.sysconf("SC_PAGE_SIZE")
    return ProcUsage(ticks / os.sysconf("SC_CLK_TCK"), memory_bytes, waited_s)
