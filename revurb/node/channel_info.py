"""What an embedded server answers about channels and their users."""

from __future__ import annotations

from typing import NamedTuple

from revurb.pusher.ports import Member


class ChannelInfo(NamedTuple):
    """A channel with subscribers. `user_count` is that of a presence channel, 0 elsewhere."""

    subscription_count: int
    user_count: int


def signed_id(member: Member) -> str | int:
    """The id as the application has signed it. Not by orjson: numbers may be larger than it takes, and others lose
    digits."""
    try:
        return member.user_id if member.id_json[:1] == b'"' else int(member.user_id)
    except ValueError:
        return member.user_id
