"""What a process measures of itself by what the system tells: memory, CPU time and open files. Linux tells all; what
another system does not is left out. None of it takes longer where there is more of it."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import time

from revurb.observe.figures import Figures
from revurb.version import __version__

_STARTED_AT = time.monotonic()
_PAGE_BYTES = resource.getpagesize()
_PYTHON = platform.python_version()


def memory_bytes() -> int:
    """Resident memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


def write_process(figures: Figures, started_at: float = _STARTED_AT) -> None:
    """Put them into `figures`. `started_at` is when the process began, in monotonic seconds."""
    figures.put("build_info", 1, __version__, _PYTHON)
    figures.put("process_uptime_seconds", round(time.monotonic() - started_at, 3))
    figures.put("process_cpu_seconds_total", round(time.process_time(), 3))
    figures.put("process_open_files_limit", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if resident_bytes := memory_bytes():
        figures.put("process_memory_bytes", resident_bytes)
    with contextlib.suppress(OSError):
        # Since Linux 6.2; before, it is 0. To list them takes 0.3 us each, and each connection has one.
        if count := os.stat("/proc/self/fd").st_size:
            figures.put("process_open_files", count)
