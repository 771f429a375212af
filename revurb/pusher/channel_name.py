"""A channel's name, read once.

The prefixes are Pusher's and need their dash: "privateer" is a public channel (Reverb takes it for a private
one). Nothing after this file looks at prefixes again.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

MAX_NAME_BYTES = 1024  # Pusher allows 164 characters, Reverb any number: generous, but bounded.
USER_CHANNEL_PREFIX = "#server-to-user-"  # Pusher's: what an application sends to a user
ONLINE_CHANNEL_PREFIX = "#online-"  # of ours: its one member is the user, its subscribers are who watches it
_RESERVED = (USER_CHANNEL_PREFIX, ONLINE_CHANNEL_PREFIX)


class Kind(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    PRESENCE = "presence"


_PUBLIC, _PRIVATE, _PRESENCE = Kind  # a member looked up in its class costs as much as a call


class ChannelName(NamedTuple):
    """`text` as the client wrote it, and what its prefix means."""

    text: str
    kind: Kind
    cached: bool = False
    encrypted: bool = False
    presence: bool = False
    guarded: bool = False
    """Whether subscribing needs a signature."""
    reserved: bool = False
    """A channel that only the server may subscribe a client to: those of users, and who watches them."""

    @classmethod
    def parse(cls, text: str) -> ChannelName:
        """Any non-empty name is a channel; see `acceptable` for which may be subscribed to."""
        if text.startswith("private-"):
            encrypted = text.startswith("private-encrypted-")
            rest = "private-encrypted-" if encrypted else "private-"
            return cls(text, _PRIVATE, text.startswith("cache-", len(rest)), encrypted, guarded=True)
        if text.startswith("presence-"):
            return cls(text, _PRESENCE, text.startswith("presence-cache-"), presence=True, guarded=True)
        return cls(
            text,
            _PUBLIC,
            text.startswith("cache-"),
            reserved=text.startswith("#") and text.startswith(_RESERVED),
        )


def acceptable(text: str) -> bool:
    """Whether `text` can be a channel at all: 1 to 1024 bytes of UTF-8. Reverb's freedom, bounded."""
    return 0 < len(text) <= MAX_NAME_BYTES and (
        len(text) * 4 <= MAX_NAME_BYTES or len(text.encode()) <= MAX_NAME_BYTES
    )


def is_cached(text: str) -> bool:
    """Whether `text` names a cache channel: `ChannelName.parse(text).cached`, without making one for each event."""
    return "cache-" in text and ChannelName.parse(text).cached


def user_channel(user_id: str) -> str:
    """The channel on which the application sends to one user."""
    return USER_CHANNEL_PREFIX + user_id


def online_channel(user_id: str) -> str:
    """The channel on which it is told that the user comes online and goes offline."""
    return ONLINE_CHANNEL_PREFIX + user_id


def is_reserved(text: str) -> bool:
    """Whether `text` names a channel that belongs to a user: `ChannelName.parse(text).reserved`. Those are in no list
    of channels."""
    return text.startswith(_RESERVED)


def is_online_channel(text: str) -> bool:
    """Whether `text` names a channel that nobody but the server may send to."""
    return text.startswith(ONLINE_CHANNEL_PREFIX)
