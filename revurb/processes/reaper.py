"""Waits for every child process, also for those that this process did not start.

Process 1 of a container becomes the parent of all orphans there. They stay zombies until it waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import TypeAlias

ExitCallback: TypeAlias = Callable[[int], None]


class Reaper:
    """Waits for all child processes on SIGCHLD. Nothing else in the process may wait for one, so only the supervisor
    uses it. `on_any_exit` is called with the pid of each that has ended."""

    def __init__(self, on_any_exit: Callable[[int], None] = lambda pid: None) -> None:
        self._on_any_exit = on_any_exit
        self._expected: dict[int, ExitCallback] = {}
        self._kept: dict[int, int] = {}  # exit codes of processes that somebody may still expect
        self._keepers = 0

    def start(self) -> None:
        """Handle SIGCHLD from now on. Must be called in the main thread, in the event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def expect(self, pid: int, on_exit: ExitCallback) -> None:
        """Call `on_exit` once with the exit code of the process `pid`; a negative code is the number of the signal that
        ended it. Must be called in the turn of the loop in which the process was started, or in the block of
        `keeping_exits` in which it was."""
        if pid in self._kept:
            asyncio.get_running_loop().call_soon(on_exit, self._kept.pop(pid))
        else:
            self._expected[pid] = on_exit

    @contextlib.contextmanager
    def keeping_exits(self) -> Iterator[None]:
        """Until the end of the block, keep the exit codes of processes that are not expected yet."""
        self._keepers += 1
        try:
            yield
        finally:
            self._keepers -= 1
            if not self._keepers:
                self._kept.clear()

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
            code = os.waitstatus_to_exitcode(status)
            if on_exit is not None:
                on_exit(code)
            elif self._keepers:
                self._kept[pid] = code
