"""What the bus has to say itself: that a member came or went. How it is said, the protocol knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from revurb.pusher.ports import Member


def _nobody(app_id: str, channel: str, text: bytes) -> None:
    """Nobody else wants to know."""


class MemberEvents(NamedTuple):
    """(channel, member) -> the finished event that the others on the presence channel are sent.

    `told` is called with (app id, channel, event) for each that a bus of many hosts has sent to its subscribers, in
    one process: the one at whose instance it was."""

    added: Callable[[str, Member], bytes]
    removed: Callable[[str, Member], bytes]
    told: Callable[[str, str, bytes], None] = _nobody
