"""Work that takes long, done a little in each turn of the loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

BUDGET_S = 0.002  # of a loop turn


class SlicedWork:
    """Runs the steps of iterators, one iterator after the other. `call_soon` is the event loop's. Called with an
    iterator, it is a `pusher.ports.Work`."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: deque[Iterator[None]] = deque()
        self._scheduled = False

    def __call__(self, steps: Iterator[None]) -> None:
        self._waiting.append(steps)
        self._schedule()

    def finish(self) -> None:
        """Run all that is left, now."""
        while self._waiting:
            self._run_for(float("inf"))

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        try:
            self._run_for(BUDGET_S)
        finally:  # also when the fault of one came out: it is dropped, and the others still wait
            self._schedule()

    def _run_for(self, budget_s: float) -> None:
        waiting, deadline = self._waiting, time.monotonic() + budget_s
        while waiting:
            steps = waiting.popleft()
            for _ in steps:
                if time.monotonic() >= deadline:
                    waiting.appendleft(steps)
                    return
