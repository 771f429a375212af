"""The channels of an app that have most subscribers in this process, found by looking at all of them, in slices.

100,000 channels take 20 ms, so they are looked at every few seconds, however often somebody asks (`KeptAnswers`).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

from revurb.inspection.kept_answers import KeptAnswers
from revurb.inspection.name_filter import NameFilter
from revurb.pusher.channel import Channel
from revurb.pusher.registry import Registry

SLICE_CHANNELS = 2000  # 1 ms
MAX_LISTED = 200
_subscribers = itemgetter(0)


class FoundChannels(NamedTuple):
    """Subscribers and name of each, those with most first; and how many channels match in all."""

    channels: list[tuple[int, str]]
    total: int


class ChannelScan:
    """Scans of one node."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: KeptAnswers[FoundChannels] = KeptAnswers()

    async def find(self, app_id: str, filter_text: str, limit: int) -> FoundChannels:
        """At most `limit` channels whose names match."""
        state = self._registry.states.get(app_id)
        if state is None:
            return FoundChannels([], 0)
        channels = state.channels
        return await self._kept.get(
            (app_id, filter_text, limit), lambda: _scan(channels, NameFilter(filter_text), limit)
        )


async def _scan(
    channels: Mapping[str, Channel], names: NameFilter, limit: int
) -> tuple[FoundChannels, float]:
    began = time.perf_counter()
    most: list[tuple[int, str]] = []
    total = 0
    took_s = 0.0
    left = iter(tuple(channels.values()))  # 2 ms for 100,000
    if len(channels) > SLICE_CHANNELS:
        took_s += time.perf_counter() - began
        await asyncio.sleep(0)
        began = time.perf_counter()
    while some := tuple(itertools.islice(left, SLICE_CHANNELS)):
        found = [
            (len(channel.subscribers), name.text)
            for channel in some
            if not (name := channel.name).reserved and names.matches(name.text)
        ]
        total += len(found)
        if len(most) == limit:
            least = most[-1][0]
            found = [each for each in found if each[0] > least]
        if found:
            most = heapq.nlargest(limit, most + found, key=_subscribers)
        took_s += time.perf_counter() - began
        await asyncio.sleep(0)
        began = time.perf_counter()
    return FoundChannels(most, total), took_s
