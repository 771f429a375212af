"""Work that takes long, done a little in each turn of the loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from revurb.bus.step_queue import StepQueue

BUDGET_S = 0.002  # of a loop turn


class SlicedWork:
    """Has a queue of steps worked off by the event loop, whose `call_soon` it gets. Called with an iterator, it is a
    `pusher.ports.Work`."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._queue = StepQueue()
        self._scheduled = False

    def __call__(self, steps: Iterator[None]) -> None:
        self._queue.append(steps)
        self._schedule()

    def finish(self) -> None:
        """Run all that is left, now."""
        self._queue.go_on(math.inf)

    def _schedule(self) -> None:
        if self._queue and not self._scheduled:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        try:
            self._queue.go_on(BUDGET_S)
        finally:  # also when the fault of one came out: it is dropped, and the others still wait
            self._schedule()
