"""One timer for all connections.

Plan: time is cut into ticks. Each connection waits in the set of the tick at which it is next to be looked at;
turning the wheel looks at the sets that are due. Moving a connection is two set operations, hearing from it
none: a connection notes the wheel's coarse `now` when bytes arrive, and decides when it is looked at whether that
was long enough ago. So a busy connection costs one look per ping interval, an idle one the same. The sets are dicts
without values, which take half the memory.
"""

from __future__ import annotations

import logging
import math
from typing import Protocol, TypeAlias

_log = logging.getLogger(__name__)

TICK_S = 0.25


class Timed(Protocol):
    """Something that waits on the wheel; `waits_in` is the wheel's own note of where, None at first."""

    waits_in: Tick | None

    def on_due(self, now: float) -> float | None:
        """Time is up. Returns when to be looked at next (monotonic seconds), None for never."""


Tick: TypeAlias = "dict[Timed, None]"


class Wheel:
    """Never early, at most a tick late. `now` is monotonic seconds as of the last turn."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._turned_to = int(now / TICK_S)
        self._ticks: dict[int, Tick] = {}

    def schedule(self, item: Timed, due: float) -> None:
        """Look at `item` at `due`, instead of whenever it was to be looked at."""
        if item.waits_in is not None:
            item.waits_in.pop(item, None)
        number = max(math.ceil(due / TICK_S), self._turned_to + 1)
        tick = self._ticks.get(number)
        if tick is None:
            tick = self._ticks[number] = {}
        tick[item] = None
        item.waits_in = tick

    def cancel(self, item: Timed) -> None:
        if item.waits_in is not None:
            item.waits_in.pop(item, None)
            item.waits_in = None

    def turn(self, now: float) -> None:
        """Let time pass until `now`. A turn that comes late looks at everything that it missed, in order."""
        self.now = now
        while self._turned_to < int(now / TICK_S):
            self._turned_to += 1
            tick = self._ticks.pop(self._turned_to, None)
            for item in tuple(tick or ()):
                if item.waits_in is not tick:
                    continue  # moved or cancelled by one that was looked at before it
                item.waits_in = None
                try:
                    due = item.on_due(now)
                except Exception:  # one connection's trouble must not stop the clock of the others
                    _log.exception("a timed connection failed")
                    continue
                if due is not None:
                    self.schedule(item, due)
