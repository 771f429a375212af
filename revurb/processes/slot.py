"""A place that always has one process: who ends is replaced, who ends often after a while.

Plan: `child` is the process whose place it is, `leaving` are those that drain after another one took over. The first
replacement starts at once; each further one waits twice as long, until one has run for a while.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from typing import TypeAlias

from revurb.processes.child import Child, Command, start_child
from revurb.processes.control_socket import ProcessStatus
from revurb.processes.reaper import Reaper

_log = logging.getLogger(__name__)

Failed: TypeAlias = "Callable[[Slot, Child, int], bool]"

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
STEADY_S = 30.0  # who ran for so long ended for a reason of its own: start over counting
START_TIMEOUT_S = 60.0  # an app provider may have to wait for its database
KILL_GRACE_S = 5.0  # beyond the drain timeout


class Slot:
    """Keeps one process running. `command` is asked anew for each start.

    `changed` is called whenever a process became ready, began to leave or ended; `failed` when one ended unasked for,
    with the exit code: it says whether to start another one.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Command],
        reaper: Reaper,
        *,
        changed: Callable[[], None],
        failed: Failed,
    ) -> None:
        self.name = name
        self.child: Child | None = None
        self.leaving: set[Child] = set()
        self.restarts = 0  # replacements of processes that ended by themselves
        self.deaths = 0  # in a row
        self._command = command
        self._reaper = reaper
        self._changed = changed
        self._failed = failed
        self._timer: asyncio.TimerHandle | None = None
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def serves(self) -> bool:
        return self.child is not None and self.child.serves

    @property
    def children(self) -> tuple[Child, ...]:
        """The process in place and those that leave."""
        return (*(() if self.child is None else (self.child,)), *self.leaving)

    async def start(self) -> Child:
        """Put a new process in place. Whoever was there leaves when `release` is called with it."""
        child = await self.start_another()
        self.put(child)
        return child

    async def start_another(self) -> Child:
        """A new process that is not in place yet. Raises OSError."""
        child = await start_child(self.name, self._command(), self._reaper)
        self.leaving.add(child)
        child.ended.add_done_callback(lambda done: self._ended(child, done.result()))
        child.ready.add_done_callback(lambda done: self._changed())
        child.on_draining = lambda: self._left(child)
        asyncio.get_running_loop().call_later(START_TIMEOUT_S, self._too_slow, child)
        if self._closed:
            self.dismiss(child)
        return child

    def put(self, child: Child) -> None:
        """The place is the child's; whoever had it drains."""
        before, self.child = self.child, child
        self.leaving.discard(child)
        self._cancel_timer()
        if before is not None:
            self.dismiss(before)
        if child.ended.done():  # since it was made
            self._ended(child, child.ended.result())
        self._changed()

    def dismiss(self, child: Child) -> None:
        """Have it drain, and see to it that it ends."""
        self.leaving.add(child)
        child.drain()
        self._limit(child)

    def close(self) -> None:
        """Start nobody any more, and have everybody leave."""
        self._closed = True
        self._cancel_timer()
        if self.child is not None:
            self.leaving.add(self.child)
            self.child = None
        for child in tuple(self.leaving):
            if not child.draining:
                self.dismiss(child)
        self._changed()

    def status(self, is_blocked: Callable[[Child], bool]) -> Iterator[ProcessStatus]:
        """A row for the process in place, or for the place without one, and for each that leaves."""
        if self.child is None:
            yield ProcessStatus(self.name, None, "waiting", 0.0, 0, self.restarts)
        for child in self.children:
            state = "blocked" if is_blocked(child) else child.state
            yield ProcessStatus(
                self.name, child.pid, state, child.uptime_s, child.beat.connections, self.restarts
            )

    def _limit(self, child: Child) -> None:
        drain_timeout_s = child.ready.result().drain_timeout_s if child.is_ready else 0.0
        loop = asyncio.get_running_loop()
        loop.call_later(drain_timeout_s + KILL_GRACE_S, self._kill_straggler, child)

    def _kill_straggler(self, child: Child) -> None:
        if not child.ended.done():
            _log.warning("process did not end in time, killing it", extra=child.fields)
            child.kill()

    def _too_slow(self, child: Child) -> None:
        if not child.ready.done():
            _log.error("process did not get ready in time, killing it", extra=child.fields)
            child.kill()

    def _left(self, child: Child) -> None:
        """It drains though nobody asked it to, somebody sent it a signal: another one takes over now."""
        if child is self.child:
            _log.warning("process leaves unasked, replacing it", extra=child.fields)
            self.child = None
            self.leaving.add(child)
            self._limit(child)
            self.restarts += 1
            self._start_after(0.0)
        self._changed()

    def _ended(self, child: Child, code: int) -> None:
        self.leaving.discard(child)
        if child is self.child:
            self.child = None
            self.restarts += 1
            self.deaths = 1 if child.uptime_s >= STEADY_S else self.deaths + 1
            if self._failed(self, child, code) and not self._closed:
                delay_s = (
                    0.0 if self.deaths == 1 else min(FIRST_DELAY_S * 2 ** (self.deaths - 2), MAX_DELAY_S)
                )
                fields = {**child.fields, **how_it_ended(code), "lived_s": round(child.uptime_s, 1)}
                _log.error("process ended, replacing it", extra={**fields, "restart_in_s": delay_s})
                self._start_after(delay_s)
        self._changed()

    def _start_after(self, delay_s: float) -> None:
        if not self._closed:
            self._cancel_timer()
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._start_now)

    def _start_now(self) -> None:
        self._timer = None
        task = asyncio.ensure_future(self._start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        try:
            child = await self.start_another()
        except OSError as error:
            self.deaths += 1
            _log.error("cannot start a process", extra={"child": self.name, "error": str(error)})
            self._start_after(FIRST_DELAY_S)
            return
        if self.child is not None:  # while it was being started, somebody else took the place
            self.dismiss(child)
        else:
            self.put(child)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def how_it_ended(code: int) -> dict[str, object]:
    """For log lines: `exit_code=1` or `signal=SIGKILL`."""
    if code >= 0:
        return {"exit_code": code}
    try:
        return {"signal": signal.Signals(-code).name}
    except ValueError:
        return {"signal": -code}
