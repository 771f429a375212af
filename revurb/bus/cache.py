"""The last event of each cache channel, until it expires."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from revurb.bus.ledger import ChannelKey
from revurb.pusher.ports import CachedEvent


class _CachedText(NamedTuple):
    text: bytes
    expires_at: float


class EventCache:
    """(app id, channel) -> its last event. `clock` gives monotonic seconds."""

    __slots__ = ("_clock", "_events")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._events: dict[ChannelKey, _CachedText] = {}

    def put(self, app_id: str, channel: str, text: bytes, ttl_s: float) -> None:
        """Keep a channel's last event for `ttl_s` seconds, in place of the one before."""
        # Removed and inserted again: with one ttl for all, the dict stays in order of expiry, so that `expire` looks at
        # the front only.
        self._events.pop((app_id, channel), None)
        self._events[app_id, channel] = _CachedText(text, self._clock() + ttl_s)

    def get(self, app_id: str, channel: str) -> CachedEvent | None:
        """The channel's last event with the seconds that it still has; None without one, or if it has expired."""
        cached = self._events.get((app_id, channel))
        remaining_s = cached.expires_at - self._clock() if cached is not None else 0
        return CachedEvent(cached.text, remaining_s) if cached is not None and remaining_s > 0 else None

    def items(self) -> Iterator[tuple[ChannelKey, CachedEvent]]:
        """Every event that has not expired."""
        for key in tuple(self._events):
            cached = self.get(*key)
            if cached is not None:
                yield key, cached

    def expire(self) -> None:
        """Remove the expired events. Looks at the oldest event only if none has expired."""
        now = self._clock()
        while self._events:
            key = next(iter(self._events))
            if self._events[key].expires_at > now:
                return
            del self._events[key]
