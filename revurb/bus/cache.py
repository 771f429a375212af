"""The last event of each cache channel, until it expires."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

from revurb.bus.ledger import ChannelKey
from revurb.pusher.ports import CachedEvent

_log = logging.getLogger(__name__)

MAX_BYTES_PER_APP = 67_108_864
ENTRY_BYTES = 300  # of an event beside its text and the name of its channel
WARN_EVERY_S = 60.0


class _CachedText(NamedTuple):
    text: bytes
    expires_at: float
    position: int


class _AppEvents:
    """The events of one app by channel, in order of their coming, and the bytes that they take."""

    __slots__ = ("events", "size_bytes")

    def __init__(self) -> None:
        self.events: dict[str, _CachedText] = {}
        self.size_bytes = 0

    def put(self, channel: str, cached: _CachedText) -> None:
        # Removed and inserted again: with one ttl for all, the dict stays in order of expiry, so that `expire` looks at
        # the front only.
        self.remove(channel)
        self.events[channel] = cached
        self.size_bytes += _size_bytes(channel, cached)

    def remove(self, channel: str) -> None:
        cached = self.events.pop(channel, None)
        if cached is not None:
            self.size_bytes -= _size_bytes(channel, cached)


class EventCache:
    """(app id, channel) -> its last event. `clock` gives monotonic seconds. Each app may have `max_bytes_per_app`
    (REVURB_MAX_CACHED_BYTES); beyond that its oldest events are dropped, which is counted and logged."""

    __slots__ = ("_apps", "_clock", "_max_bytes_per_app", "_warned_at", "dropped_total")

    def __init__(self, clock: Callable[[], float], max_bytes_per_app: int = MAX_BYTES_PER_APP) -> None:
        self._clock = clock
        self._max_bytes_per_app = max_bytes_per_app
        self._apps: dict[str, _AppEvents] = {}
        self._warned_at = float("-inf")
        self.dropped_total = 0

    def put(self, app_id: str, channel: str, text: bytes, ttl_s: float, position: int = 0) -> None:
        """Keep a channel's last event for `ttl_s` seconds, in place of the one before. `position` is what it has in the
        log of a host."""
        now = self._clock()
        app = self._apps.get(app_id)
        if app is None:
            app = self._apps[app_id] = _AppEvents()
        app.put(channel, _CachedText(text, now + ttl_s, position))
        if app.size_bytes > self._max_bytes_per_app:
            self._drop_oldest(app_id, app, now)

    def get(self, app_id: str, channel: str) -> CachedEvent | None:
        """The channel's last event with the seconds that it still has; None without one, or if it has expired."""
        app = self._apps.get(app_id)
        cached = app.events.get(channel) if app is not None else None
        remaining_s = cached.expires_at - self._clock() if cached is not None else 0
        return CachedEvent(cached.text, remaining_s) if cached is not None and remaining_s > 0 else None

    def position(self, app_id: str, channel: str) -> int:
        """The position of the event that `get` returns; 0 if it has none."""
        app = self._apps.get(app_id)
        cached = app.events.get(channel) if app is not None else None
        return 0 if cached is None else cached.position

    def items(self) -> Iterator[tuple[ChannelKey, CachedEvent]]:
        """Every event that has not expired."""
        for app_id, app in tuple(self._apps.items()):
            for channel in tuple(app.events):
                cached = self.get(app_id, channel)
                if cached is not None:
                    yield (app_id, channel), cached

    def expire(self) -> None:
        """Remove the expired events. Looks at the oldest event of each app only if none has expired."""
        now = self._clock()
        for app_id, app in tuple(self._apps.items()):
            while app.events:
                channel = next(iter(app.events))
                if app.events[channel].expires_at > now:
                    break
                app.remove(channel)
            else:
                del self._apps[app_id]

    def _drop_oldest(self, app_id: str, app: _AppEvents, now: float) -> None:
        while app.size_bytes > self._max_bytes_per_app:
            app.remove(next(iter(app.events)))
            self.dropped_total += 1
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            _log.warning(
                "the last events of an app's cache channels take more than they may: the oldest are dropped",
                extra={
                    "app": app_id,
                    "limit": f"{self._max_bytes_per_app} bytes (REVURB_MAX_CACHED_BYTES)",
                    "dropped_total": self.dropped_total,
                },
            )


def _size_bytes(channel: str, cached: _CachedText) -> int:
    return len(channel) + len(cached.text) + ENTRY_BYTES
