"""The last event of each cache channel.

Pusher's rules: only events triggered over the HTTP API are remembered, for 30 minutes, whether anyone is
subscribed or not. (Reverb keeps them in the channel object, which dies with its last subscriber, and lets
client events and member_removed overwrite them.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class CachedEvent(NamedTuple):
    event: str
    data: str
    text: bytes  # the event as it was sent: finished JSON
    expires_at: float


class EventCache:
    """Channel -> its last event, until `ttl_s` has passed since then."""

    __slots__ = ("_clock", "_events", "_ttl_s")

    def __init__(self, ttl_s: float, clock: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._events: dict[str, CachedEvent] = {}

    def put(self, channel: str, event: str, data: str, text: bytes) -> None:
        # Out and in again: the dict stays in order of expiry, so that `expire` looks at the front only.
        self._events.pop(channel, None)
        self._events[channel] = CachedEvent(event, data, text, self._clock() + self._ttl_s)

    def get(self, channel: str) -> CachedEvent | None:
        found = self._events.get(channel)
        return found if found is not None and found.expires_at > self._clock() else None

    def remaining_s(self, cached: CachedEvent) -> int:
        """Whole seconds until it is forgotten, at least 1 while it is not."""
        return max(1, math.ceil(cached.expires_at - self._clock()))

    def expire(self) -> None:
        """Let go of what is too old. Costs nothing when nothing is."""
        now = self._clock()
        while self._events:
            channel = next(iter(self._events))
            if self._events[channel].expires_at > now:
                return
            del self._events[channel]
