"""Waits for every child process, also for those that this process did not start.

Process 1 of a container becomes the parent of all orphans there. They stay zombies until it waits for them.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import TypeAlias

ExitCallback: TypeAlias = Callable[[int], None]


class Reaper:
    """Waits for all child processes on SIGCHLD. Nothing else in the process may wait for one, so only the supervisor
    uses it. `on_any_exit` is called with the pid of each that has ended."""

    def __init__(self, on_any_exit: Callable[[int], None] = lambda pid: None) -> None:
        self._on_any_exit = on_any_exit
        self._expected: dict[int, ExitCallback] = {}

    def start(self) -> None:
        """Handle SIGCHLD from now on. Must be called in the main thread, in the event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def expect(self, pid: int, on_exit: ExitCallback) -> None:
        """Call `on_exit` once with the exit code of the process `pid`; a negative code is the number of the signal that
        ended it. Must be called in the turn of the loop in which the process was started."""
        self._expected[pid] = on_exit

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._on_any_exit(pid)
            on_exit = self._expected.pop(pid, None)
            if on_exit is not None:
                on_exit(os.waitstatus_to_exitcode(status))
