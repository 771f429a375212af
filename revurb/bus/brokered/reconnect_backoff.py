"""How long a link waits before it tries again to connect: longer each time, and no two nodes as long as each other."""

from __future__ import annotations

import random

_JITTER = 0.5  # of a delay, at most, that is left out at random: the nodes of a broker that was away come one by one


class ReconnectBackoff:
    """The delays of one link. The first is at most `first_s` seconds, each at most twice the maximum of the one before,
    and none longer than `max_s`."""

    __slots__ = ("_first_s", "_max_s", "_next_s")

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = self._next_s = first_s
        self._max_s = max_s

    def next_s(self) -> float:
        """The next delay, in seconds."""
        delay_s, self._next_s = self._next_s, min(self._next_s * 2, self._max_s)
        return delay_s * random.uniform(1 - _JITTER, 1)

    def reset(self) -> None:
        """Start over: the link was connected."""
        self._next_s = self._first_s
