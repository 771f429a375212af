"""How much input of each connection is handled in one turn of the event loop.

A peer that always has more to send would otherwise have the loop for itself: the loop goes on reading a socket for as
long as there is something. So a connection hands over what is more than DIRECT_BYTES, pauses reading, and is given a
slice of time now and then, in turn with all others that have input waiting. Input that is small, which is nearly all
that honest clients send, is handled at once and never waits behind such a queue.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

DIRECT_BYTES = 2048  # handled at once: 0.2-0.5 ms of the cheapest requests and messages that a peer can send
SLICE_BYTES = 2048
BUDGET_S = 0.004  # of a loop turn for all slices together


class InputSource(Protocol):
    """A connection with input that waits."""

    def handle_slice(self) -> None:
        """Handle at most SLICE_BYTES. Where more waits that can be handled, add this to the intake again."""


class Intake:
    """The connections with input that waits, in order. `call_soon` is the event loop's."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: OrderedDict[InputSource, None] = OrderedDict()
        self._scheduled = False

    def add(self, source: InputSource) -> None:
        """Have `source.handle_slice` called in a later turn of the loop. Does nothing if that is so already."""
        self._waiting[source] = None
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        waiting = self._waiting
        deadline = time.monotonic() + BUDGET_S
        try:
            for _ in range(len(waiting)):  # those that are added meanwhile have the next turn
                source, _ = waiting.popitem(last=False)
                source.handle_slice()
                if time.monotonic() >= deadline:
                    break
        finally:  # also when the fault of one connection came out: the others still wait
            self._scheduled = False
            self._schedule()
