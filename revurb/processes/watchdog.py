"""Finds child processes whose event loop is blocked: logs the stack of each one, and kills it later."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from revurb.processes.child import Child

_log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 0.25


class Watchdog:
    """Checks all of `children()` four times a second. A child is blocked when no message has come from it for `warn_s`
    seconds, and is killed after `kill_s`; with None it is not. Both may be changed at any time."""

    def __init__(self, children: Callable[[], Iterable[Child]], warn_s: float, kill_s: float | None) -> None:
        self.warn_s = warn_s
        self.kill_s = kill_s
        self._children = children
        self._blocked: dict[Child, float] = {}  # for how many seconds so far
        self._reports: set[asyncio.Task[None]] = set()

    def is_blocked(self, child: Child) -> bool:
        return child in self._blocked

    async def watch(self) -> None:
        """Runs until it is cancelled."""
        checked_at = time.monotonic()
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            now = time.monotonic()
            # While the host slept, or was too busy to run this process, the children could not run either.
            passed_s, checked_at = min(now - checked_at, 2 * CHECK_INTERVAL_S), now
            for child in self._children():
                if child.has_been_ready and not child.is_over:
                    self._check(child, passed_s)
            for child in [child for child in self._blocked if child.is_over]:
                del self._blocked[child]

    def _check(self, child: Child, passed_s: float) -> None:
        child.silent_s += passed_s
        fields = {**child.fields, "blocked_s": round(child.silent_s, 1)}
        if child.silent_s < self.warn_s:
            if (blocked_s := self._blocked.pop(child, None)) is not None:
                _log.warning("process goes on", extra={**fields, "blocked_s": round(blocked_s, 1)})
        elif child not in self._blocked:
            self._blocked[child] = child.silent_s
            task = asyncio.ensure_future(self._log_stack(child, fields))
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)
        elif self.kill_s is not None and child.silent_s >= self.kill_s:
            _log.error("process is blocked for too long, killing it", extra=fields)
            child.kill()
            child.silent_s = self.warn_s  # so that the error is not logged with each check until it exits
        else:
            self._blocked[child] = child.silent_s

    async def _log_stack(self, child: Child, fields: dict[str, object]) -> None:
        stack = await child.dump_stack() or "(it does not say)"
        _log.warning("process is blocked, and this is where", extra={**fields, "stack": stack})
