"""The place for one child process of the supervisor: starts it, and replaces it when it exits.

`child` is the process in the slot, `others` are those that are not in it: processes that drain after another one took
their place, and new ones that are to take it. `NEXT` lists the transitions of the slot's state:

    EMPTY -- start() -------------------> OCCUPIED <---+
                                            |    \\      | put()
           child exits, or drains unasked --+     \\     |
                                            |      --> WAITING -- delay passes --> STARTING -- OSError --> WAITING
                                            v
                                          EMPTY, if the supervisor starts no other process

    every state -- close() --> CLOSED

The first replacement starts at once. Each further one waits twice as long as the one before, until a process has run
for `STEADY_S`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TypeAlias

from revurb.processes.child import Child, ChildCommand, ChildState, exit_fields, start_child
from revurb.processes.control_socket import ProcessStatus
from revurb.processes.reaper import Reaper
from revurb.processes.supervision_link import Ready

_log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
MAX_DOUBLINGS = 10  # beyond MAX_DELAY_S, and no number that is too large for a float, however many failures
STEADY_S = 30.0  # after so long an uptime, an exit counts as the first again
START_TIMEOUT_S = 60.0  # an app provider may have to wait for its database
KILL_GRACE_S = 5.0  # beyond the drain timeout


class SlotState(Enum):
    EMPTY = "empty"  # nothing has been started, or nothing more will be
    OCCUPIED = "occupied"  # `child` is its process
    WAITING = "waiting"  # for the time of the next start
    STARTING = "starting"  # a replacement is being started
    CLOSED = "closed"  # its processes leave, and no other takes their place


_EMPTY, _OCCUPIED, _WAITING, _STARTING, _CLOSED = SlotState

NEXT: Mapping[SlotState, tuple[SlotState, ...]] = {
    _EMPTY: (_OCCUPIED, _WAITING, _CLOSED),
    _OCCUPIED: (_OCCUPIED, _EMPTY, _WAITING, _CLOSED),
    _WAITING: (_STARTING, _OCCUPIED, _CLOSED),
    _STARTING: (_OCCUPIED, _WAITING, _CLOSED),
    _CLOSED: (),
}

ExitHandler: TypeAlias = "Callable[[Slot, Child, int], None]"
StartErrorHandler: TypeAlias = "Callable[[Slot, OSError], None]"


class Slot:
    """Keeps one process running. `command` is called for each start.

    `on_change` is called whenever a process became ready, began to drain or exited. `on_unexpected_exit` is called with
    the exit code when the process in the slot exited without having been asked to; the slot then stays empty unless
    `replace_exited` is called. `on_start_error` is called when a replacement could not be started; the slot then stays
    without a process unless `try_again` is called. No start waits longer than `max_delay_s`.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], ChildCommand],
        reaper: Reaper,
        *,
        on_change: Callable[[], None],
        on_unexpected_exit: ExitHandler,
        on_start_error: StartErrorHandler,
        max_delay_s: float = MAX_DELAY_S,
    ) -> None:
        self.name = name
        self._max_delay_s = max_delay_s
        self.state = _EMPTY
        self.child: Child | None = None
        self.others: set[Child] = set()
        self.restarts = 0  # replacements of processes that exited or drained unasked
        self.failures_in_a_row = 0  # exits before STEADY_S, and starts that raised OSError
        self.failed_starts = 0  # the last processes, in a row, that did not get ready or could not be started
        self.died_at: float | None = None  # in the loop's time: when one that was ready did not end of itself
        self._had_joined = False
        self._command = command
        self._reaper = reaper
        self._on_change = on_change
        self._on_unexpected_exit = on_unexpected_exit
        self._on_start_error = on_start_error
        self._start_timer: asyncio.TimerHandle | None = None
        self._starts: set[asyncio.Task[None]] = set()

    @property
    def serves(self) -> bool:
        """Whether its process takes new clients."""
        return self.child is not None and self.child.serves

    @property
    def has_joined(self) -> bool:
        """Whether a process of this slot was ever connected to the others."""
        return self._had_joined or any(child.has_joined for child in self.children)

    @property
    def children(self) -> tuple[Child, ...]:
        """The process in the slot and those in `others`."""
        return (*(() if self.child is None else (self.child,)), *self.others)

    async def start(self) -> Child:
        """Start a process and put it into the slot. Raises OSError."""
        child = await self.start_another()
        self.put(child)
        return child

    async def start_another(self) -> Child:
        """Start a process that is not in the slot yet: see `put` and `dismiss`. Raises OSError."""
        child = await start_child(self.name, self._command(), self._reaper)
        self.others.add(child)
        child.exit_code.add_done_callback(lambda done: self._on_exit(child, done.result()))
        child.ready.add_done_callback(self._on_ready)
        child.on_draining = lambda: self._on_draining(child)
        asyncio.get_running_loop().call_later(START_TIMEOUT_S, self._kill_if_not_ready, child)
        if self.state is _CLOSED:
            self.dismiss(child)
        return child

    def put(self, child: Child) -> None:
        """Put a process of `start_another` into the slot; the one that was there drains. Without effect on a closed
        slot, whose processes all leave."""
        if self.state is _CLOSED:
            return
        before, self.child = self.child, child
        self.others.discard(child)
        self._enter(_OCCUPIED)
        self._cancel_start()
        if before is not None:
            self.dismiss(before)
        if child.is_over:  # it exited after it was started
            self._on_exit(child, child.exit_code.result())
        self._on_change()

    def dismiss(self, child: Child) -> None:
        """Have a process of this slot drain. It is killed if it has not exited `KILL_GRACE_S` after its drain
        timeout."""
        self.others.add(child)
        child.drain()
        self._limit_drain(child)

    def close(self) -> None:
        """Start no process any more, and have all of them drain."""
        if self.state is _CLOSED:
            return
        self._enter(_CLOSED)
        self._cancel_start()
        if self.child is not None:
            self.others.add(self.child)
            self.child = None
        for child in tuple(self.others):
            if child.state in (ChildState.STARTING, ChildState.READY):
                self.dismiss(child)
        self._on_change()

    def replace_exited(self, child: Child, code: int) -> None:
        """Start another process in place of `child`, which exited with `code`: at once if it is the first exit, after
        a delay that doubles with each further one."""
        delay_s = self._delay_s()
        fields = {**child.fields, **exit_fields(code), "lived_s": round(child.uptime_s, 1)}
        _log.error("process ended, replacing it", extra={**fields, "restart_in_s": delay_s})
        self._start_after(delay_s)

    def try_again(self, error: OSError) -> None:
        """The same after a replacement that could not be started."""
        delay_s = self._delay_s()
        fields = {"child": self.name, "error": str(error), "restart_in_s": delay_s}
        _log.error("cannot start a process, trying again", extra=fields)
        self._start_after(delay_s)

    def status(self, is_blocked: Callable[[Child], bool]) -> Iterator[ProcessStatus]:
        """A row for the process in the slot, or for the empty slot, and one for each process in `others`."""
        if self.child is None:
            yield ProcessStatus(self.name, None, "waiting", 0.0, 0, self.restarts)
        for child in self.children:
            state = "blocked" if is_blocked(child) else child.shown_state
            beat = child.heartbeat
            yield ProcessStatus(
                self.name, child.pid, state, child.uptime_s, beat.connections, self.restarts, beat.bus
            )

    def _limit_drain(self, child: Child) -> None:
        drain_timeout_s = child.ready.result().drain_timeout_s if child.has_been_ready else 0.0
        loop = asyncio.get_running_loop()
        loop.call_later(drain_timeout_s + KILL_GRACE_S, self._kill_if_not_over, child)

    def _kill_if_not_over(self, child: Child) -> None:
        if not child.is_over:
            _log.warning("process did not end in time, killing it", extra=child.fields)
            child.kill()

    def _kill_if_not_ready(self, child: Child) -> None:
        if not child.ready.done():
            _log.error("process did not get ready in time, killing it", extra=child.fields)
            child.kill()

    def _on_ready(self, done: asyncio.Future[Ready]) -> None:
        if not done.cancelled():
            self.failed_starts = 0
        self._on_change()

    def _on_draining(self, child: Child) -> None:
        """If nobody asked the child to drain (it was sent a signal), another process takes its place now."""
        if child is self.child:
            _log.warning("process leaves unasked, replacing it", extra=child.fields)
            self.child = None
            self.others.add(child)
            self._limit_drain(child)
            self.restarts += 1
            self._start_after(0.0)
        self._on_change()

    def _on_exit(self, child: Child, code: int) -> None:
        if code and child.has_been_ready:
            self.died_at = asyncio.get_running_loop().time()
        self._had_joined = self._had_joined or child.has_joined
        self.others.discard(child)
        if child is self.child:
            self.child = None
            self._enter(_EMPTY)
            self.restarts += 1
            self.failures_in_a_row = 1 if child.uptime_s >= STEADY_S else self.failures_in_a_row + 1
            self.failed_starts = 0 if child.has_been_ready else self.failed_starts + 1
            self._on_unexpected_exit(self, child, code)
        self._on_change()

    def _delay_s(self) -> float:
        doublings = min(self.failures_in_a_row - 2, MAX_DOUBLINGS)
        return 0.0 if doublings < 0 else min(FIRST_DELAY_S * 2**doublings, self._max_delay_s)

    def _start_after(self, delay_s: float) -> None:
        self._enter(_WAITING)
        self._start_timer = asyncio.get_running_loop().call_later(delay_s, self._start_now)

    def _start_now(self) -> None:
        self._start_timer = None
        self._enter(_STARTING)
        task = asyncio.ensure_future(self._start_replacement())
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _start_replacement(self) -> None:
        try:
            child = await self.start_another()
        except OSError as error:
            self.failures_in_a_row += 1
            self.failed_starts += 1
            if self.state is _STARTING:
                self._on_start_error(self, error)
            return
        if self.child is not None:  # `put` was called while this one was being started
            self.dismiss(child)
        else:
            self.put(child)

    def _cancel_start(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None

    def _enter(self, state: SlotState) -> None:
        assert state in NEXT[self.state], f"a slot that is {self.state} cannot become {state}"
        self.state = state
