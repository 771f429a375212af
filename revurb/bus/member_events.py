"""The events that the bus publishes itself: that a member joined or left, how many subscribers there are. The protocol
supplies their texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from revurb.pusher.ports import Member, PublishedEvent


def _ignore(event: PublishedEvent) -> None:
    """The default `on_published`: does nothing."""


class MemberEvents(NamedTuple):
    """`added` and `removed` make the finished event for the subscribers of a presence channel, from (channel, member).

    `count_text` gives the event that tells a channel's subscribers how many they are: what is before and after the
    number.

    A bus of many hosts calls `on_published` with each member event that it has published, on one node: the one that
    caused it.
    """

    added: Callable[[str, Member], bytes]
    removed: Callable[[str, Member], bytes]
    count_text: Callable[[str], tuple[bytes, bytes]]
    on_published: Callable[[PublishedEvent], None] = _ignore

    def counted(self, channel: str, count: int) -> bytes:
        """The event that tells a channel's subscribers how many they are."""
        before, after = self.count_text(channel)
        return b"%b%d%b" % (before, count, after)
