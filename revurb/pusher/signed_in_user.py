"""Who a connection is that has signed in, and whom it watches.

`signing_in` makes and changes it; the rest of the protocol asks it whose a connection is.
"""

from __future__ import annotations

from revurb.pusher.channel import Channel
from revurb.pusher.channel_name import user_channel
from revurb.pusher.ports import Member


class SignedInUser:
    """Who a connection is. `watched` maps ids of users to their `#online-` channels, as far as the bus has confirmed
    them. While a sign-in is pending, `held` has those whose events are kept until then."""

    __slots__ = ("_awaits_subscription", "channel", "held", "is_online", "member", "watched")

    def __init__(self, member: Member) -> None:
        self.member = member
        self.channel = user_channel(member.user_id)
        self.is_online = False  # whether the bus has confirmed it
        self.watched: dict[str, Channel] = {}
        self.held: dict[str, HeldEvents] | None = None
        self._awaits_subscription = True

    def takes_subscription(self, channel: str) -> bool:
        """Whether this subscription is the client's first to its user's channel. Clients make one when they are signed
        in (pusher-js, Java); that the server has made it already does not make it a repeated one."""
        if channel != self.channel or not self._awaits_subscription:
            return False
        self._awaits_subscription = False
        return True


class HeldEvents:
    """The outlet of a watcher while not all of its watchlist is confirmed: keeps the newest event of one user."""

    __slots__ = ("frame",)

    peer = ""

    def __init__(self) -> None:
        self.frame: bytes | None = None

    def send(self, frame: bytes) -> None:
        self.frame = frame

    def ping(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...
