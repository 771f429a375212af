"""Who ended: waits for every child of this process, also for those that it did not start.

As process 1 of a container, all orphans become our children, and stay as zombies if nobody waits for them.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

Ended = Callable[[int], None]


class Reaper:
    """Waits for all children of the process; nothing else in it may, so it is for the supervisor only."""

    def __init__(self) -> None:
        self._expected: dict[int, Ended] = {}

    def start(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def expect(self, pid: int, ended: Ended) -> None:
        """Call `ended` with the exit code of `pid` once: negative is the number of a signal. To be called in the same
        turn of the loop in which the process was started."""
        self._expected[pid] = ended

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self._expected.pop(pid, None)
            if ended is not None:
                ended(os.waitstatus_to_exitcode(status))
