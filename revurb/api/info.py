"""What can be asked about a channel with `info=`: occupied, subscription_count, user_count, cache.

As in Reverb, what does not apply to a channel is left out rather than refused (Pusher answers 400): user_count is for
presence channels, cache for cache channels that hold an event, and nobody knows anything else. As in Pusher, counts are
there also where they are 0, and subscription_count for presence channels too.
"""

from __future__ import annotations

import math

import msgspec

from revurb.pusher.channel_name import ChannelName, is_cached
from revurb.pusher.ports import CachedEvent, ChannelState

Info = dict[str, object]


class _EventText(msgspec.Struct):
    event: str
    data: str


_read_event_text = msgspec.json.Decoder(_EventText).decode


def requested(info: str | None) -> frozenset[str]:
    """The attributes named in a comma list."""
    return frozenset(info.split(",")) if info else frozenset()


def channel_info(name: str, state: ChannelState, wanted: frozenset[str]) -> Info:
    """The attributes in `wanted` that apply to the channel, with or without subscribers."""
    answer: Info = {}
    if not wanted:
        return answer
    if "occupied" in wanted:
        answer["occupied"] = state.subscription_count > 0
    if "user_count" in wanted and ChannelName.parse(name).presence:
        answer["user_count"] = state.user_count
    if "subscription_count" in wanted:
        answer["subscription_count"] = state.subscription_count
    if "cache" in wanted and state.cached is not None and is_cached(name):
        cache = _cache_info(name, state.cached)
        if cache is not None:
            answer["cache"] = cache
    return answer


def _cache_info(name: str, cached: CachedEvent) -> Info | None:
    """Reverb's and Pusher's fields together; `ttl` in whole seconds, at least 1 while the event is there. None for what
    is no event: somebody else may have written it into Redis."""
    try:
        event = _read_event_text(cached.text)
    except (msgspec.MsgspecError, ValueError):
        return None
    return {"event": event.event, "data": event.data, "channel": name, "ttl": max(1, math.ceil(cached.ttl_s))}
