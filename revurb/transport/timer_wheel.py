"""One timer for all connections.

Plan: time is cut into ticks. Each connection waits in the set of the tick at which it is next to be looked at;
turning the wheel looks at the sets that are due. Moving a connection is two set operations, hearing from it
none: a connection notes the wheel's coarse `now` when bytes arrive, and decides when it is looked at whether that
was long enough ago. So a busy connection costs one look per ping interval, an idle one the same. The sets are dicts
without values, which take half the memory.

The sets of the next two minutes are there from the start, and stay. Made when they are needed, between the objects of
connections, each would keep a megabyte of those from going back to the system when the connections have gone: CPython
gives back memory by the megabyte (measured: 10 MB after 10,000 connections).
"""

from __future__ import annotations

import logging
from math import ceil
from typing import Protocol, TypeAlias

_log = logging.getLogger(__name__)

TICK_S = 0.25
NEAR_TICKS = 512  # 128 s, more than any timeout is by default; 64 bytes each


class Timed(Protocol):
    """Something that waits on the wheel; `wheel_tick` is the wheel's own note of where, None at first."""

    wheel_tick: Tick | None

    def on_due(self, now: float) -> float | None:
        """Time is up. Returns when to be looked at next (monotonic seconds), None for never."""


Tick: TypeAlias = "dict[Timed, None]"


class TimerWheel:
    """Never early, at most a tick late. `now` is monotonic seconds as of the last turn."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._turned_to = int(now / TICK_S)
        self._near: tuple[Tick, ...] = tuple({} for _ in range(NEAR_TICKS))
        self._far: dict[int, Tick] = {}

    def schedule(self, item: Timed, due: float) -> None:
        """Look at `item` at `due`, instead of whenever it was to be looked at."""
        if item.wheel_tick is not None:
            self.cancel(item)
        number = ceil(due / TICK_S)
        if number <= self._turned_to:
            number = self._turned_to + 1
        if number - self._turned_to < NEAR_TICKS:  # equal would be the tick that may be looked at just now
            tick = self._near[number % NEAR_TICKS]
        else:
            tick = self._far.setdefault(number, {})
        tick[item] = None
        item.wheel_tick = tick

    def cancel(self, item: Timed) -> None:
        tick = item.wheel_tick
        if tick is not None:
            item.wheel_tick = None
            tick.pop(item, None)
            if not tick:
                tick.clear()  # and its table, which does not shrink by itself

    def turn(self, now: float) -> None:
        """Let time pass until `now`. A turn that comes late looks at everything that it missed, in order."""
        self.now = now
        while self._turned_to < int(now / TICK_S):
            self._turned_to += 1
            near, far = self._near[self._turned_to % NEAR_TICKS], self._far.pop(self._turned_to, None)
            if near:
                self._look_at(near)
            if far:
                self._look_at(far)

    def _look_at(self, tick: Tick) -> None:
        items = tuple(tick)
        tick.clear()
        for item in items:
            if item.wheel_tick is not tick:
                continue  # moved or cancelled by one that was looked at before it
            item.wheel_tick = None
            try:
                due = item.on_due(self.now)
            except Exception:  # one connection's trouble must not stop the clock of the others
                _log.exception("a timed connection failed")
                continue
            if due is not None:
                self.schedule(item, due)
