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
from typing import Protocol

_log = logging.getLogger(__name__)

TICK_S = 0.25
NOT_WAITING = -1


class Timed(Protocol):
    """Something that waits on the wheel; `tick` is the wheel's own note of where, NOT_WAITING at first."""

    tick: int

    def on_due(self, now: float) -> float | None:
        """Time is up. Returns when to be looked at next (monotonic seconds), None for never."""


class Wheel:
    """Never early, at most a tick late. `now` is monotonic seconds as of the last turn."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._turned_to = int(now / TICK_S)
        self._waiting: dict[int, dict[Timed, None]] = {}

    def schedule(self, item: Timed, due: float) -> None:
        """Look at `item` at `due`, instead of whenever it was to be looked at."""
        if item.tick != NOT_WAITING:
            self.cancel(item)
        item.tick = tick = max(math.ceil(due / TICK_S), self._turned_to + 1)
        waiting = self._waiting.get(tick)
        if waiting is None:
            waiting = self._waiting[tick] = {}
        waiting[item] = None

    def cancel(self, item: Timed) -> None:
        waiting = self._waiting.get(item.tick)
        if waiting is not None:
            waiting.pop(item, None)
        item.tick = NOT_WAITING

    def turn(self, now: float) -> None:
        """Let time pass until `now`. A turn that comes late looks at everything that it missed, in order."""
        self.now = now
        while self._turned_to < int(now / TICK_S):
            self._turned_to += 1
            for item in self._waiting.pop(self._turned_to, ()):
                if item.tick != self._turned_to:
                    continue  # moved or cancelled by one that was looked at before it
                item.tick = NOT_WAITING
                try:
                    due = item.on_due(now)
                except Exception:  # one connection's trouble must not stop the clock of the others
                    _log.exception("a timed connection failed")
                    continue
                if due is not None:
                    self.schedule(item, due)
