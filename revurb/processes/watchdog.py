"""Whether loops turn: a child that shows no sign of life is first asked where it is, and then killed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from revurb.processes.child import Child

_log = logging.getLogger(__name__)

LOOK_S = 0.25


class Watchdog:
    """Looks at `children()` four times a second. `kill_s` None lets a blocked child be."""

    def __init__(self, children: Callable[[], Iterable[Child]], warn_s: float, kill_s: float | None) -> None:
        self.warn_s = warn_s
        self.kill_s = kill_s
        self._children = children
        self._blocked: dict[Child, float] = {}  # and for how many seconds so far
        self._asking: set[asyncio.Task[None]] = set()

    def is_blocked(self, child: Child) -> bool:
        return child in self._blocked

    async def watch(self) -> None:
        """For ever."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            # A host that slept, or was too busy for us, was so for them: such time does not count against them.
            passed_s, before = min(now - before, 2 * LOOK_S), now
            for child in self._children():
                if child.is_ready and not child.ended.done():
                    self._look(child, passed_s)
            for child in [child for child in self._blocked if child.ended.done()]:
                del self._blocked[child]

    def _look(self, child: Child, passed_s: float) -> None:
        child.silent_s += passed_s
        fields = {**child.fields, "blocked_s": round(child.silent_s, 1)}
        if child.silent_s < self.warn_s:
            if (blocked_s := self._blocked.pop(child, None)) is not None:
                _log.warning("process goes on", extra={**fields, "blocked_s": round(blocked_s, 1)})
        elif child not in self._blocked:
            self._blocked[child] = child.silent_s
            task = asyncio.ensure_future(self._report(child, fields))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        elif self.kill_s is not None and child.silent_s >= self.kill_s:
            _log.error("process is blocked for too long, killing it", extra=fields)
            child.kill()
            child.silent_s = self.warn_s  # if that takes a while, it need not be said each time
        else:
            self._blocked[child] = child.silent_s

    async def _report(self, child: Child, fields: dict[str, object]) -> None:
        stack = await child.stack() or "(it does not say)"
        _log.warning("process is blocked, and this is where", extra={**fields, "stack": f"\n{stack}"})
