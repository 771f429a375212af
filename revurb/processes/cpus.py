"""How many processors this process may use: what `--workers auto` means."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

# cgroup v2 and v1: what a container may use of each period, in microseconds.
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
CFS_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
CFS_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cpus() -> int:
    """Processors that we may run on, and no more than the quota of a container: 1 or more."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, _quota()))


def _quota() -> int:
    """Whole processors of the container's quota, rounded up; a large number without one."""
    for files in ((CPU_MAX,), (CFS_QUOTA, CFS_PERIOD)):
        with contextlib.suppress(OSError, ValueError):
            quota, period = " ".join(file.read_text() for file in files).split()
            if quota != "max" and int(quota) > 0:
                return math.ceil(int(quota) / int(period))
    return 1 << 20
