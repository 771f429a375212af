"""One channel of one app in this process: its subscribers here.

It exists from its first subscriber to its last: `subscribing` makes it, `AppState.close_if_empty` removes it.
"""

from __future__ import annotations

from revurb.pusher.channel_name import ChannelName
from revurb.pusher.ports import Member, Outlet
from revurb.pusher.presence import MemberTexts


class Channel:
    """`subscribers` maps the outlet of each to its member, which is None but on presence channels. Those have
    `member_texts`.

    `alone` is the `channels` of every session that is on this one only: nobody may change it. `confirmation` is the
    frame that confirms a subscription, once two have got it, on a channel that `is_plain`: anybody may subscribe, and
    gets nothing but events.
    """

    __slots__ = ("alone", "confirmation", "is_plain", "member_texts", "name", "subscribers")

    def __init__(self, name: ChannelName) -> None:
        self.name = name
        self.subscribers: dict[Outlet, Member | None] = {}
        self.alone = {name.text: self}
        self.is_plain = not (name.guarded or name.reserved or name.cached)
        self.confirmation: bytes | None = None
        self.member_texts = MemberTexts() if name.presence else None
