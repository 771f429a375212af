"""Answers to the bus's queries from this node's own state. On a node that is alone that is the whole answer; otherwise
it is used while the broker cannot be reached."""

from __future__ import annotations

from collections.abc import Sequence

from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.pusher.ports import ChannelState, Member


class LocalView:
    """The queries of `pusher.ports.Bus`, answered at once."""

    def __init__(self, state: LocalState, cache: EventCache) -> None:
        self._state = state
        self._cache = cache

    def channels(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        names = self._state.apps.get(app_id, {})
        return {name: self.channel_state(app_id, name) for name in names if name.startswith(prefix)}

    def describe(self, app_id: str, channels: Sequence[str]) -> list[ChannelState]:
        return [self.channel_state(app_id, name) for name in channels]

    def members(self, app_id: str, channel: str) -> list[Member]:
        local_channel = self._state.find(app_id, channel)
        return [] if local_channel is None else local_channel.member_list()

    def connections(self, app_id: str) -> int:
        return self._state.connections.get(app_id, 0)

    def admit(self, app_id: str, limit: int | None) -> bool:
        connections = self._state.connections
        count = connections.get(app_id, 0)
        if limit is not None and count >= limit:
            return False
        connections[app_id] = count + 1
        return True

    def channel_state(self, app_id: str, channel: str) -> ChannelState:
        """What this node knows of one channel, with or without subscribers."""
        local_channel = self._state.find(app_id, channel)
        cached = self._cache.get(app_id, channel)
        if local_channel is None:
            return ChannelState(cached=cached)
        return ChannelState(local_channel.count, len(local_channel.members), cached)
