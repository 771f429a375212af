"""What the bus has to say itself: that a member came or went. How it is said, the protocol knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from revurb.pusher.ports import Member


class MemberEvents(NamedTuple):
    """(channel, member) -> the finished event that the others on the presence channel are sent."""

    added: Callable[[str, Member], bytes]
    removed: Callable[[str, Member], bytes]
