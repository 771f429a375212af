"""The events that wait for one target, as finished JSON, within bounds of bytes and age; and the batches made of them.

Pure logic: times are handed in, in seconds of any clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from revurb.webhooks.payload import FRAME_BYTES

# What an event takes beside its texts, with its fact: 430 bytes each of 230,000 with 90 bytes of texts, CPython 3.11.
EVENT_BYTES = 340
MAX_BATCH_EVENTS = 1000
MAX_BATCH_BYTES = 65_536  # of a body; Express, for one, takes 100 kB unless it is told otherwise


class WaitingEvent(NamedTuple):
    """An event in the queue: the id of its fact, its JSON, and when it came."""

    fact_id: str
    event: bytes
    came_at: float


class TargetQueue:
    """Events in order. The caller takes away what is too much or too old before it goes on."""

    def __init__(self, max_bytes: int, max_age_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._events: deque[WaitingEvent] = deque()
        self._json_bytes = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def oldest_at(self) -> float | None:
        """When the first event came; None if there is none."""
        return self._events[0].came_at if self._events else None

    @property
    def has_full_batch(self) -> bool:
        """Whether waiting would not make the next request larger."""
        return len(self._events) >= MAX_BATCH_EVENTS or self._json_bytes >= MAX_BATCH_BYTES

    def add(self, event: WaitingEvent) -> None:
        """Put an event behind the others."""
        self._events.append(event)
        self._count(event, 1)

    def take_batch(self) -> Sequence[WaitingEvent]:
        """Takes out the events of the next request: one at least, unless there is none."""
        batch: list[WaitingEvent] = []
        body_bytes = FRAME_BYTES
        while self._events and len(batch) < MAX_BATCH_EVENTS:
            body_bytes += len(self._events[0].event) + 1
            if batch and body_bytes > MAX_BATCH_BYTES:
                break
            batch.append(self._take())
        return batch

    def take_too_many(self, limit: int) -> Sequence[WaitingEvent]:
        """Takes out the oldest if all take more memory than they may: a sixteenth more than needed, so that there is
        not a dead letter for each event that comes, and at most `limit` of them."""
        taken: list[WaitingEvent] = []
        if self._bytes > self._max_bytes:
            enough = self._max_bytes - self._max_bytes // 16
            while self._bytes > enough and self._events and len(taken) < limit:
                taken.append(self._take())
        return taken

    @property
    def waiting_bytes(self) -> int:
        """About how much memory they take."""
        return self._bytes

    def take_oldest(self, limit: int) -> Sequence[WaitingEvent]:
        """Takes out the oldest, at most `limit` of them."""
        return [self._take() for _ in range(min(limit, len(self._events)))]

    def take_too_old(self, now: float, limit: int) -> Sequence[WaitingEvent]:
        """Takes out those that have waited for longer than they may, at most `limit` of them."""
        taken: list[WaitingEvent] = []
        while self._events and now - self._events[0].came_at > self._max_age_s and len(taken) < limit:
            taken.append(self._take())
        return taken

    def _take(self) -> WaitingEvent:
        event = self._events.popleft()
        self._count(event, -1)
        return event

    def _count(self, event: WaitingEvent, sign: int) -> None:
        self._json_bytes += sign * len(event.event)
        self._bytes += sign * (EVENT_BYTES + len(event.event) + len(event.fact_id))
