"""Subscriptions of a node, linked to a broker that is played."""

from __future__ import annotations

import asyncio
from itertools import count

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.subscriptions import BrokeredSubscriptions
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, PublishedEvent

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")


class Subscribed:
    """Subscriptions that are linked to a broker, and what they send."""

    def __init__(self, *, confirms_changes: bool = False, was_linked: bool = True) -> None:
        self.sent: list[m.FromWorker] = []
        self.delivered: list[PublishedEvent] = []
        self.entered: list[ChannelSnapshot] = []
        numbers = count(1)
        cache = EventCache(asyncio.get_running_loop().time)
        self.subscriptions = BrokeredSubscriptions(
            LocalState(),
            cache,
            MEMBER_EVENTS,
            self.sent.append,
            self.delivered.append,
            lambda: next(numbers),
            confirms_changes=confirms_changes,
        )
        if was_linked:
            self.greet()

    def greet(self) -> m.Hello:
        """Report everything at once, and be linked."""
        [hello] = self.subscriptions.greet("n1", "e")
        assert isinstance(hello, m.Hello)
        self.sent += self.subscriptions.unsent_enters()
        return hello

    def enter(self, channel: str, member: Member | None = None, isolated: bool = False) -> None:
        added = b"" if member is None else MEMBER_EVENTS.added(channel, member)
        request = EnterRequest(APP, channel, member, added, False, max_members=5)
        self.subscriptions.enter(request, self.entered.append)
        if isolated:
            self.confirm()

    def confirm(self) -> None:
        """Let in all who wait."""
        for _ in self.subscriptions.confirm_locally():
            pass
