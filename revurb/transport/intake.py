"""How much input of each connection is handled in one turn of the event loop.

A peer that always has more to send would otherwise have the loop for itself: the loop goes on reading a socket for as
long as there is something. So a connection hands over what is more than DIRECT_BYTES, pauses reading, and is given a
slice of time now and then, in turn with all others that have input waiting. Input that is small, which is nearly all
that honest clients send, is handled at once and never waits behind such a queue.

While too many bytes wait to be sent (`is_full`), nothing is taken in: those who cause the writing wait until it is
done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

DIRECT_BYTES = 2048  # handled at once: 0.2-0.5 ms of the cheapest requests and messages that a peer can send
SLICE_BYTES = 2048
BUDGET_S = 0.004  # of a loop turn for all slices together


class InputSource(Protocol):
    """A connection with input that waits."""

    def handle_slice(self) -> bool:
        """Handle at most SLICE_BYTES. Returns whether more waits that can be handled in the next turn."""


class Intake:
    """The connections with input that waits, in order. `call_soon` is the event loop's, `is_full` says whether too much
    waits to be sent: then `resume` has to be called when that has changed."""

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], is_full: Callable[[], bool] = lambda: False
    ) -> None:
        self._call_soon = call_soon
        self._is_full = is_full
        self._waiting: deque[InputSource] = deque()
        self._queued: set[InputSource] = set()  # those in `_waiting`
        self._scheduled = False
        self.direct_bytes = DIRECT_BYTES
        """Input of up to this size is handled at once by a connection without input that waits; -1 while blocked."""

    @property
    def is_blocked(self) -> bool:
        """Whether nothing is taken in at present."""
        return self.direct_bytes < 0

    def add(self, source: InputSource) -> None:
        """Have `source.handle_slice` called in a later turn of the loop. Does nothing if that is so already."""
        if source not in self._queued:
            self._queued.add(source)
            self._waiting.append(source)
            self._schedule()

    def resume(self) -> None:
        """Take in again if that was blocked and can go on."""
        if self.is_blocked and not self._is_full():
            self.direct_bytes = DIRECT_BYTES
            self._schedule()

    def block_if_full(self) -> None:
        """Take nothing in any more, if too much waits to be sent."""
        if self._is_full():
            self.direct_bytes = -1

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled and not self.is_blocked:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        waiting = self._waiting
        deadline = time.monotonic() + BUDGET_S
        for _ in range(len(waiting)):
            if self.is_blocked:
                break
            source = waiting.popleft()
            self._queued.discard(source)
            try:
                if source.handle_slice():
                    self.add(source)
            finally:  # also when the fault of one connection came out: the others still wait
                self.block_if_full()
                if waiting:
                    self._schedule()
            if time.monotonic() >= deadline:
                break
