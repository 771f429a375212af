"""Answers to the bus's queries from this node's own state. On a node that is alone that is the whole answer; otherwise
it is used while the broker cannot be reached."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence

from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.pusher.ports import ChannelState, Member

SLICE_CHANNELS = 500  # 1.5 ms


class LocalView:
    """The queries of `pusher.ports.Bus`, answered at once; of `channels` there are two forms."""

    def __init__(self, state: LocalState, cache: EventCache) -> None:
        self._state = state
        self._cache = cache

    def channels_at_once(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        """The channels that have subscribers here and whose names begin with `prefix`. Takes 3 us for each."""
        return self._occupied(app_id, self._state.apps.get(app_id, ()), prefix)

    async def channels_in_slices(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        """The same, with turns for others in between. A channel that comes or goes meanwhile is in it or is not."""
        found: dict[str, ChannelState] = {}
        names = iter(tuple(self._state.apps.get(app_id, ())))
        while some := tuple(itertools.islice(names, SLICE_CHANNELS)):
            found.update(self._occupied(app_id, some, prefix))
            await asyncio.sleep(0)
        return found

    def _occupied(self, app_id: str, names: Iterable[str], prefix: str) -> dict[str, ChannelState]:
        states = {name: self.channel_state(app_id, name) for name in names if name.startswith(prefix)}
        return {name: state for name, state in states.items() if state.subscription_count}

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
