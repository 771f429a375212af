"""A channel's name, read once.

The prefixes are Pusher's and need their dash: `privateer` is a public channel (Reverb takes it for a private
one). Nothing after this file looks at prefixes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_NAME_BYTES = 1024  # Pusher allows 164 characters, Reverb any number: generous, but bounded.
USER_CHANNEL_PREFIX = "#server-to-user-"


class Kind(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    PRESENCE = "presence"


@dataclass(frozen=True, slots=True)
class ChannelName:
    """`text` as the client wrote it, and what its prefix means."""

    text: str
    kind: Kind
    cached: bool = False
    encrypted: bool = False

    @classmethod
    def parse(cls, text: str) -> ChannelName:
        """Any non-empty name is a channel; see `acceptable` for which may be subscribed to."""
        if text.startswith("private-"):
            encrypted = text.startswith("private-encrypted-")
            rest = "private-encrypted-" if encrypted else "private-"
            return cls(text, Kind.PRIVATE, text.startswith("cache-", len(rest)), encrypted)
        if text.startswith("presence-"):
            return cls(text, Kind.PRESENCE, text.startswith("presence-cache-"))
        return cls(text, Kind.PUBLIC, text.startswith("cache-"))

    @property
    def presence(self) -> bool:
        return self.kind is Kind.PRESENCE

    @property
    def guarded(self) -> bool:
        """Whether subscribing needs a signature."""
        return self.kind is not Kind.PUBLIC

    @property
    def reserved(self) -> bool:
        """A channel that only the server may put a client on (Pusher's user channels)."""
        return self.text.startswith(USER_CHANNEL_PREFIX)


def acceptable(text: str) -> bool:
    """Whether `text` can be a channel at all: 1 to 1024 bytes of UTF-8. Reverb's freedom, bounded."""
    return 0 < len(text) <= MAX_NAME_BYTES and (
        len(text) * 4 <= MAX_NAME_BYTES or len(text.encode()) <= MAX_NAME_BYTES
    )


def is_cached(text: str) -> bool:
    """Whether `text` names a cache channel; what `ChannelName.parse` says, without making one for each event."""
    return "cache-" in text and ChannelName.parse(text).cached
