"""What takes longer than a turn of the loop may: done step by step, as many in a turn as fit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

TURN_S = 0.005  # in a turn of the loop


class StepQueue:
    """Generators that yield after each step, worked off one after the other."""

    __slots__ = ("_work",)

    def __init__(self) -> None:
        self._work: deque[Iterator[None]] = deque()

    def __len__(self) -> int:
        return len(self._work)

    def append(self, work: Iterator[None]) -> None:
        """Do this when all before it is done."""
        self._work.append(work)

    def go_on(self, for_s: float | None = None) -> None:
        """Go on for `for_s` seconds, TURN_S by default. What raises is not gone on with."""
        until = time.perf_counter() + (TURN_S if for_s is None else for_s)
        while self._work:
            for _ in self._work[0]:
                if time.perf_counter() >= until:
                    return
            self._work.popleft()
