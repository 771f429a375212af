"""Work of many steps, of which each turn of the loop does a few ms: what a node does for its own clients when its
broker is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice

SLICE_S = 0.005


class SlicedSteps:
    """Steps of one kind. Each `next` of the iterator that `begin` gets is a step."""

    __slots__ = ("_is_due", "_is_running", "_loop", "_steps")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._steps: Iterator[object] | None = None
        self._is_due = False
        self._is_running = False

    def begin(self, steps: Iterator[object]) -> None:
        """Do these: at once, and what takes longer than SLICE_S seconds in the next turns. Does nothing if there are
        some that are not done yet."""
        if self._steps is None:
            self._steps = steps
            if not self._is_due:
                self._do(None)

    def hurry(self, steps: int) -> None:
        """Do so many of them ahead of their turn."""
        self._do(steps)

    def cancel(self) -> None:
        """Leave the rest undone."""
        self._steps = None

    def _do(self, count: int | None) -> None:
        """Do `count` steps, or as many as a slice has time for."""
        steps = self._steps
        if steps is None or self._is_running:
            return
        until = time.perf_counter() + SLICE_S
        self._is_running = True
        try:
            for _ in steps if count is None else islice(steps, count):
                if self._steps is not steps:
                    return  # cancelled by the step
                if count is None and time.perf_counter() >= until:
                    break
            else:
                if count is None:
                    self._steps = None
                    return
        except BaseException:
            self._steps = None
            raise
        finally:
            self._is_running = False
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._is_due = False
        self._do(None)
