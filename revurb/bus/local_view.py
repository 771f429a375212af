"""What a process knows by itself: all there is where there is one, and what is left when the others are away."""

from __future__ import annotations

from collections.abc import Sequence

from revurb.bus.cache import EventCache
from revurb.bus.local_state import Holdings
from revurb.pusher.ports import ChannelState, Member


class Alone:
    """The questions of `pusher.ports.Bus`, answered from this process's holdings and its own cached events."""

    def __init__(self, holdings: Holdings, cache: EventCache) -> None:
        self._holdings = holdings
        self._cache = cache

    def channels(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        held = self._holdings.apps.get(app_id, {})
        return {name: self.state(app_id, name) for name in held if name.startswith(prefix)}

    def describe(self, app_id: str, channels: Sequence[str]) -> list[ChannelState]:
        return [self.state(app_id, name) for name in channels]

    def members(self, app_id: str, channel: str) -> list[Member]:
        held = self._holdings.find(app_id, channel)
        return [] if held is None else held.who()

    def connections(self, app_id: str) -> int:
        return self._holdings.connections.get(app_id, 0)

    def admit(self, app_id: str, limit: int | None) -> bool:
        connections = self._holdings.connections
        count = connections.get(app_id, 0)
        if limit is not None and count >= limit:
            return False
        connections[app_id] = count + 1
        return True

    def state(self, app_id: str, channel: str) -> ChannelState:
        held = self._holdings.find(app_id, channel)
        cached = self._cache.get(app_id, channel)
        if held is None:
            return ChannelState(cached=cached)
        return ChannelState(held.count, len(held.members), cached)
