"""One channel of one app in this process: its subscribers here.

It exists from its first subscriber to its last: `subscribing` makes it, `AppState.close_if_empty` removes it.
"""

from __future__ import annotations

from revurb.pusher.channel_name import ChannelName
from revurb.pusher.ports import Member, Outlet
from revurb.pusher.presence import MemberTexts


class Channel:
    """`subscribers` maps the outlet of each to its member, which is None but on presence channels. Those have
    `member_texts`."""

    __slots__ = ("member_texts", "name", "subscribers")

    def __init__(self, name: ChannelName) -> None:
        self.name = name
        self.subscribers: dict[Outlet, Member | None] = {}
        self.member_texts = MemberTexts() if name.presence else None
