"""Watches the generator itself while it measures: a generator that is at its limit measures itself, not the server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from revurb.observe.proc_files import ProcUsage, proc_usage

LOOK_S = 0.01
FULL = 0.9  # of a core: what is above it waits for the processor


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen over `took_s` seconds: shares of a core that were used, and that were wanted, waiting for a
    processor included; the lag of the generator's loop. Of the server, what all its processes used and its busiest one
    wanted; None where they are not known."""

    took_s: float
    generator_share: float
    generator_wanted_share: float
    generator_lag_ms: float
    server_share: float | None
    server_wanted_share: float | None
    server_memory_bytes: int | None


class GeneratorWatch:
    """Begins when it is made, in a running loop. `pids` are the processes of the server."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._pids = pids
        self._lags_s: list[float] = []
        self._began_at = time.perf_counter()
        self._before = self._usages()
        self._own_cpu_s = time.process_time()
        self._due_at = self._loop.time() + LOOK_S
        self._timer = self._loop.call_at(self._due_at, self._look)

    def _look(self) -> None:
        self._lags_s.append(self._loop.time() - self._due_at)
        self._due_at = self._loop.time() + LOOK_S
        self._timer = self._loop.call_at(self._due_at, self._look)

    def _usages(self) -> list[ProcUsage | None]:
        """Of the generator, and of each process of the server."""
        return [proc_usage(os.getpid()), *map(proc_usage, self._pids)]

    def end(self) -> Watched:
        self._timer.cancel()
        took_s = max(1e-6, time.perf_counter() - self._began_at)
        used, waited = list[float | None](), list[float | None]()
        for before, now in zip(self._before, self._usages(), strict=True):
            if before is None or now is None:
                used.append(None)
                waited.append(None)
            else:
                used.append((now.cpu_s - before.cpu_s) / took_s)
                waited.append((now.waited_s - before.waited_s) / took_s)
        own = (time.process_time() - self._own_cpu_s) / took_s
        known = [(share, wait) for share, wait in zip(used[1:], waited[1:], strict=True) if share is not None]
        return Watched(
            took_s,
            own,
            own + (waited[0] or 0.0),
            percentile(self._lags_s, 0.99) * 1000,
            sum(share for share, _ in known) if known else None,
            max((share + (wait or 0.0) for share, wait in known), default=None),
            server_memory_bytes(self._pids),
        )


def server_memory_bytes(pids: Sequence[int]) -> int | None:
    """Resident memory of these processes together; None if none is there."""
    usages = [usage for pid in pids if (usage := proc_usage(pid)) is not None]
    return sum(usage.memory_bytes for usage in usages) if usages else None


def percentile(numbers: Sequence[float], share: float) -> float:
    """The smallest number that so many are not above; 0 of none."""
    if not numbers:
        return 0.0
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
