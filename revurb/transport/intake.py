"""How much input of each connection is handled in one turn of the event loop.

A peer that always has more to send would otherwise have the loop for itself: the loop goes on reading a socket for as
long as there is something. So a connection hands over what is more than DIRECT_BYTES, pauses reading, and is given a
slice of time now and then, in turn with all others that have input waiting. Input that is small, which is nearly all
that honest clients send, is handled at once and never waits behind such a queue.

Input causes output. So while more output waits than may (`Fanout.is_full`), no input is handled at all: connections
hand over small input too, and it waits here until peers have taken enough. So does what comes in a turn in which
somebody has been given a long answer: many who come back at a time are answered in as many turns.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from revurb._speedups.fanout import Fanout

DIRECT_BYTES = 2048  # handled at once: 0.2-0.5 ms of the cheapest requests and messages that a peer can send
SLICE_BYTES = 8192  # 0.5-2 ms of the same; with 2048, a publisher that pipelines lost 20 %
BUDGET_S = 0.004  # of a loop turn for all slices together


class InputSource(Protocol):
    """A connection with input that waits."""

    def handle_slice(self) -> None:
        """Handle at most SLICE_BYTES. Where more waits that can be handled, add this to the intake again."""


class Intake:
    """The connections with input that waits, in order. `call_soon` is the event loop's, `fanout` where answers go."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], fanout: Fanout) -> None:
        self._call_soon = call_soon
        self._fanout = fanout
        self._waiting: OrderedDict[InputSource, None] = OrderedDict()
        self._scheduled = False

    def add(self, source: InputSource) -> None:
        """Have `source.handle_slice` called in a later turn of the loop. Does nothing if that is so already."""
        self._waiting[source] = None
        self.wake()

    def wake(self) -> None:
        """Go on if input waits and there is room for output. To be called when there may be room again."""
        if self._waiting and not self._scheduled and not self._fanout.is_full:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        waiting, fanout = self._waiting, self._fanout
        deadline = time.monotonic() + BUDGET_S
        try:
            while waiting:
                source, _ = waiting.popitem(last=False)
                source.handle_slice()
                if fanout.is_full or fanout.has_long_outbox or time.monotonic() >= deadline:
                    break
        finally:  # also when the fault of one connection came out: the others still wait
            self._scheduled = False
            if not waiting:
                waiting.clear()  # and its table, which does not shrink by itself
            self.wake()
