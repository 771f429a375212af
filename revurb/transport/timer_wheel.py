"""A timer wheel: one timer for all connections.

Plan: time is cut into ticks. Each item waits in the set of the tick at which it is due; turning the wheel calls
`on_due` of the items in the sets that are due. Moving an item is two set operations. Receiving bytes is none: a
connection stores the wheel's `now`, and `on_due` decides whether that was long enough ago. So a connection costs one
call for each ping interval, busy or idle. The sets are dicts without values, which take half the memory.

The sets of the next two minutes are made at the start, and stay. Made when they are needed, between the objects of
connections, each would keep a megabyte of those from being returned to the system when the connections have gone:
CPython returns memory by the megabyte (measured: 10 MB after 10,000 connections).
"""

from __future__ import annotations

import logging
from typing import Protocol, TypeAlias, cast

from revurb._speedups.wheel import Wheel

_log = logging.getLogger(__name__)

TICK_S = 0.25
NEAR_TICKS = 512  # 128 s, more than any timeout is by default; 64 bytes each


class Timed(Protocol):
    """An item on the wheel. `wheel_tick` belongs to the wheel: the set that the item waits in, None if it does not."""

    wheel_tick: Tick | None

    def on_due(self, now: float) -> float | None:
        """The time that was scheduled has come. Returns when to be called next (monotonic seconds), None for never."""


Tick: TypeAlias = "dict[Timed, None]"


class TimerWheel(Wheel):
    """Calls are never early, and at most a tick late. `now` is monotonic seconds as of the last turn."""

    def __new__(cls, now: float) -> TimerWheel:
        return cast(TimerWheel, Wheel.__new__(cls, now, TICK_S, NEAR_TICKS))

    def turn(self, now: float) -> None:
        """Advance to `now`, and call everything that is due, in order of ticks."""
        self.now = now
        while self.turned_to < int(now / TICK_S):
            near, far = self.step()
            if near:
                self._run_tick(near)
            if far:
                self._run_tick(far)

    def _run_tick(self, tick: Tick) -> None:
        items = tuple(tick)
        tick.clear()
        for item in items:
            if item.wheel_tick is not tick:
                continue  # moved or cancelled by one that was called before it
            item.wheel_tick = None
            try:
                due = item.on_due(self.now)
            except Exception:  # one connection's fault must not stop the timers of the others
                _log.exception("a timed connection failed")
                continue
            if due is not None:
                self.schedule(item, due)
