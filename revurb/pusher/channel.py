"""One channel of one app on this process: who is subscribed.

Exists from its first subscriber to its last; the registry sees to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from revurb.pusher.channel_name import ChannelName
from revurb.pusher.presence import Identity, Roster

if TYPE_CHECKING:
    from revurb.pusher.session import Session


class Channel:
    """`subscribers` maps each session to who it is there: None but on presence channels."""

    __slots__ = ("name", "roster", "subscribers")

    def __init__(self, name: ChannelName) -> None:
        self.name = name
        self.subscribers: dict[Session, Identity | None] = {}
        self.roster: Roster | None = Roster() if name.presence else None

    def deliver(self, frame: bytes, except_session: Session | None = None) -> int:
        """Send one finished frame to each subscriber but `except_session`; returns to how many.

        Walks a snapshot: a send may end its connection, and that edits `subscribers`.
        """
        sent = 0
        for session in tuple(self.subscribers):
            if session is not except_session:
                session.outlet.send(frame)
                sent += 1
        return sent
