"""What a node reports of itself, in the messages to its broker: MessagePack arrays."""

from __future__ import annotations

import msgspec

from revurb.pusher.ports import Member


class Message(msgspec.Struct, array_like=True, gc=False):
    """A message, or a value in one."""


class ChannelReport(Message):
    """A channel on which a node has subscribers: how many, and its members there. `entering` are the ids of users that
    an Enter message has been sent for, or will be. `continues` if the report before had a part of the members.
    `is_new` if no broker has been told of a subscriber."""

    app_id: str
    channel: str
    count: int
    members: list[Member]
    entering: list[str] = []
    continues: bool = False
    is_new: bool = False


class DepartedMember(Message):
    """A user whose last connection on the channel ended, which the broker has not confirmed. `change` is the number in
    REMOVED_MEMBERS, 0 if it has none."""

    app_id: str
    channel: str
    member: Member
    change: int = 0


class EntrustedMembers(Message, tag=24):
    """From the broker: members of another node, which is away and may come back. The node has to keep them, in addition
    to what it keeps of that other node already, until that is gone for good; an empty list: until now. To the next
    broker: the same, for the case that the other node does not come. Their `count` is 0."""

    node: str
    channels: list[ChannelReport]


class CachedEventReport(Message):
    """The last event of a cache channel, as far as the node knows; `position` is what it has in the log of a host."""

    app_id: str
    channel: str
    text: bytes
    ttl_s: float
    position: int = 0
