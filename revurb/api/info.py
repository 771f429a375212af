"""What can be asked about a channel with `info=`: occupied, subscription_count, user_count, cache.

As in Reverb, what does not apply to a channel is left out rather than refused (Pusher answers 400):
user_count is for presence channels, subscription_count for the others, cache for cache channels that hold an event.
"""

from __future__ import annotations

from revurb.pusher.channel_name import is_cached
from revurb.pusher.registry import AppState

Info = dict[str, object]


def requested(info: str | None) -> frozenset[str]:
    """The attributes named in a comma list."""
    return frozenset(info.split(",")) if info else frozenset()


def channel_info(state: AppState, name: str, wanted: frozenset[str]) -> Info:
    """What `wanted` has to say about the channel, whether anyone is on it or not."""
    answer: Info = {}
    if not wanted:
        return answer
    channel = state.channels.get(name)
    if "occupied" in wanted:
        answer["occupied"] = channel is not None
    if channel is not None:
        if channel.roster is not None:
            if "user_count" in wanted:
                answer["user_count"] = len(channel.roster)
        elif "subscription_count" in wanted:
            answer["subscription_count"] = len(channel.subscribers)
    if "cache" in wanted and is_cached(name):
        cached = state.cache.get(name)
        if cached is not None:
            ttl_s = state.cache.remaining_s(cached)
            answer["cache"] = {"event": cached.event, "data": cached.data, "channel": name, "ttl": ttl_s}
    return answer
