"""The events that the bus publishes itself: that a member joined or left. The protocol supplies their texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from revurb.pusher.ports import Member, PublishedEvent


def _ignore(event: PublishedEvent) -> None:
    """The default `on_published`: does nothing."""


class MemberEvents(NamedTuple):
    """`added` and `removed` make the finished event for the subscribers of a presence channel, from (channel, member).

    A bus of many hosts calls `on_published` with each member event that it has published, on one node: the one that
    caused it.
    """

    added: Callable[[str, Member], bytes]
    removed: Callable[[str, Member], bytes]
    on_published: Callable[[PublishedEvent], None] = _ignore
