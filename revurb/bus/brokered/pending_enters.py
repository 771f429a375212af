"""Subscribers that the broker was asked to count, and has not confirmed.

If the broker stays away, they are confirmed locally, with what this node knows. When it is back it is asked again, and
the members that they have not been told of are announced to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.bus.local_view import LocalView
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, PublishedEvent

Deliver = Callable[[PublishedEvent], object]


@dataclass(slots=True)
class PendingEnter:
    """One subscriber. `new_member` is its member if this is the user's first connection here, and `change` the number
    of the event that says so.

    `announced_members` is None while the subscriber waits. Once it was confirmed locally, it holds the user ids of the
    members that it was told of.
    """

    request: EnterRequest
    new_member: Member | None
    on_entered: Callable[[ChannelSnapshot], None]
    change: int = 0
    announced_members: frozenset[str] | None = None


class PendingEnters:
    """`send` gives a message to the broker, `deliver` an event to this node's subscribers."""

    def __init__(
        self,
        state: LocalState,
        cache: EventCache,
        events: MemberEvents,
        changes: MemberChanges,
        send: Callable[[m.FromWorker], None],
        deliver: Deliver,
    ) -> None:
        self._state = state
        self._cache = cache
        self._view = LocalView(state, cache)
        self._events = events
        self._changes = changes
        self._send = send
        self._deliver = deliver
        self._pending: dict[int, PendingEnter] = {}

    def add(self, id: int, pending: PendingEnter) -> None:
        """Keep a subscriber under the id of its `Enter` message."""
        self._pending[id] = pending

    def pop(self, id: int) -> PendingEnter | None:
        """Remove the subscriber whose `Enter` has that id, since the broker has replied; None if there is none."""
        return self._pending.pop(id, None)

    def new_members(self) -> set[tuple[str, str, str]]:
        """(app id, channel, user id) of the members that the broker gets in an `Enter`, and so not in the `Hello`."""
        return {
            (pending.request.app_id, pending.request.channel, pending.new_member.user_id)
            for pending in self._pending.values()
            if pending.new_member is not None
        }

    def ask(self, id: int) -> None:
        """Send the `Enter` with that id, or forget it if its subscriber was let in and has left since."""
        pending = self._pending[id]
        request, member = pending.request, pending.new_member
        local_channel = self._state.find(request.app_id, request.channel)
        if local_channel is None:  # let in without the broker, and left since
            self._changes.pop(m.ADDED_MEMBERS, pending.change)
            del self._pending[id]
            return
        if member is not None and member.user_id not in local_channel.members:
            self._changes.pop(m.ADDED_MEMBERS, pending.change)
            member = None
        self._send(
            m.Enter(
                id,
                request.app_id,
                request.channel,
                local_channel.count,
                member,
                request.added if member is not None else b"",
                request.member is not None,
                request.want_cached,
                pending.change if member is not None else 0,
            )
        )

    def ask_again(self) -> None:
        """The broker is back: send the `Enter` of all who wait, and of those who were let in without it."""
        for id in tuple(self._pending):
            self.ask(id)

    def confirm_all_locally(self) -> None:
        """The broker stays away: confirm all subscribers that wait."""
        for pending in tuple(self._pending.values()):
            if pending.announced_members is None:
                self.confirm_locally(pending)

    def confirm_locally(self, pending: PendingEnter) -> None:
        """Confirm a subscriber with what this node knows."""
        request = pending.request
        app_id, channel = request.app_id, request.channel
        if pending.new_member is not None and self._changes.claim_delivery(m.ADDED_MEMBERS, pending.change):
            self._deliver(PublishedEvent(app_id, channel, request.added))
        members = self._view.members(app_id, channel) if request.member is not None else []
        cached = self._cache.get(app_id, channel) if request.want_cached else None
        pending.announced_members = frozenset(member.user_id for member in members)
        pending.on_entered(ChannelSnapshot(members, None if cached is None else cached.text))

    def announce_missing(self, pending: PendingEnter, snapshot: ChannelSnapshot) -> None:
        """Announce to a subscriber that was let in without the broker the members of `snapshot` that it has not been
        told of."""
        app_id, channel = pending.request.app_id, pending.request.channel
        for member in snapshot.members:
            if pending.announced_members is not None and member.user_id not in pending.announced_members:
                self._deliver(PublishedEvent(app_id, channel, self._events.added(channel, member)))
