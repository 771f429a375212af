"""Which channels of an app have history, and how much of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from revurb.apps.channel_pattern import ChannelPattern
from revurb.apps.field_checks import check_positive, is_utf8

MAX_SIZE = 100_000  # events: what is kept of one channel in Redis is one key
MAX_TTL_S = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRule:
    """Channels whose events are kept, for clients that come back: `channels` are names, or patterns with `*` for any
    text. The newest `size` events of each are kept, each for `ttl_s` seconds.

    Raises TypeError or ValueError with the name of a field that has a wrong type or value.
    """

    channels: tuple[str, ...]
    size: int = 100
    ttl_s: int = 300

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", _checked_channels(self.channels))
        for name, most in (("size", MAX_SIZE), ("ttl_s", MAX_TTL_S)):
            value = getattr(self, name)
            check_positive("HistoryRule", name, value)
            if value > most:
                raise ValueError(f"HistoryRule.{name}: found {value}; allowed: an integer from 1 to {most}")

    def matches(self, channel: str) -> bool:
        """Whether the rule is one for the channel."""
        return any(pattern.matches(channel) for pattern in _patterns(self.channels))


@lru_cache(maxsize=1024)  # an app provider may make a rule for each request
def _patterns(channels: tuple[str, ...]) -> tuple[ChannelPattern, ...]:
    return tuple(map(ChannelPattern, channels))


def _checked_channels(value: Any) -> tuple[str, ...]:
    """A text by itself would be taken for its letters."""
    allowed = 'a tuple of names or patterns, such as ("room-*",)'
    if not isinstance(value, (tuple, list)) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"HistoryRule.channels: found {value!r}; allowed: {allowed}")
    if not value or not all(text and is_utf8(text) for text in value):
        raise ValueError(f"HistoryRule.channels: found {value!r}; allowed: {allowed}, none of them empty")
    return tuple(value)
