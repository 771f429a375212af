"""What the bus publishes of its own accord: that a member came or went. The protocol says in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from revurb.pusher.ports import Member, PublishedEvent


def _ignore(event: PublishedEvent) -> None:
    """Nobody else wants to know."""


class MemberEvents(NamedTuple):
    """`added` and `removed` make the finished event for the others on a presence channel, of (channel, member).

    A bus of many hosts calls `on_published` with each member event that it has published, in one process: the one whose
    request it was.
    """

    added: Callable[[str, Member], bytes]
    removed: Callable[[str, Member], bytes]
    on_published: Callable[[PublishedEvent], None] = _ignore
