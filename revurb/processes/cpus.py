"""The number of processors that this process may use, for `--workers auto`."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from revurb.config import AUTO_WORKERS, Config

# cgroup v2 and v1: the CPU time that a container may use in each period, both in microseconds.
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
CFS_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
CFS_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cpus() -> int:
    """The processors of this process's affinity mask, but no more than the quota of its container; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, _quota()))


def worker_count(config: Config) -> int:
    """The number of workers that the configuration asks for."""
    count = config.process.workers
    return available_cpus() if count == AUTO_WORKERS else count


def _quota() -> int:
    """The container's quota in processors, rounded up; 2**20 if there is none."""
    for files in ((CPU_MAX,), (CFS_QUOTA, CFS_PERIOD)):
        with contextlib.suppress(OSError, ValueError):
            quota, period = " ".join(file.read_text() for file in files).split()
            if quota != "max" and int(quota) > 0:
                return math.ceil(int(quota) / int(period))
    return 1 << 20
