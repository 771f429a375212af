"""The recent events, for workers that reconnect."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from revurb.bus.ledger import ChannelKey

KEPT_S = 60.0
KEPT_BYTES = 32 * 1024 * 1024
ENTRY_COST_BYTES = 350  # memory of an event besides its bytes


class LogEntry(NamedTuple):
    """An event, as it was sent."""

    position: int
    at_s: float
    key: ChannelKey
    data: bytes


class EventLog:
    """Events in order, as they were sent, until they are too old or take too much memory. `clock` gives monotonic
    seconds."""

    __slots__ = ("_bytes", "_clock", "_entries", "_kept_bytes", "_kept_s", "position")

    def __init__(
        self, clock: Callable[[], float], kept_s: float = KEPT_S, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._kept_bytes = kept_bytes
        self._entries: deque[LogEntry] = deque()
        self._bytes = 0
        self.position = 0  # of the newest event

    def append(self, key: ChannelKey, data: bytes) -> None:
        """Keep the event at `position`, which the caller has increased by one before."""
        self._entries.append(LogEntry(self.position, self._clock(), key, data))
        self._bytes += len(data) + ENTRY_COST_BYTES
        while self._bytes > self._kept_bytes:
            self._drop()

    def expire(self) -> None:
        """Remove the events that are too old."""
        oldest = self._clock() - self._kept_s
        while self._entries and self._entries[0].at_s < oldest:
            self._drop()

    @property
    def oldest(self) -> int:
        """The position of the oldest event that is kept, or that of the next event if none is."""
        return self._entries[0].position if self._entries else self.position + 1

    def entry(self, position: int) -> LogEntry | None:
        """The event at a position; None if it is not kept any more, or not there yet."""
        index = position - self.oldest
        return self._entries[index] if 0 <= index < len(self._entries) else None

    def missed(self, position: int) -> int:
        """How many events after `position` are not kept any more."""
        return max(0, self.oldest - position - 1)

    def _drop(self) -> None:
        self._bytes -= len(self._entries.popleft().data) + ENTRY_COST_BYTES
