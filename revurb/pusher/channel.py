"""One channel of one app on this process: who is subscribed here.

Exists from its first subscriber to its last; the registry sees to that.
"""

from __future__ import annotations

from revurb.pusher.channel_name import ChannelName
from revurb.pusher.ports import Member, Outlet


class Channel:
    """`subscribers` maps each subscriber's outlet to who it is there: None but on presence channels."""

    __slots__ = ("name", "subscribers")

    def __init__(self, name: ChannelName) -> None:
        self.name = name
        self.subscribers: dict[Outlet, Member | None] = {}
