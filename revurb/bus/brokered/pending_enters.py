"""Subscribers that the broker was asked to count, and has not confirmed.

If the broker stays away, they are confirmed locally, with what this node knows. When it is back it is asked again, and
the members that they have not been told of are announced to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
        # App id, channel, user id -> in how many it is the new member.
        self._entering: dict[tuple[str, str, str], int] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, id: int, pending: PendingEnter) -> None:
        """Keep a subscriber under the id of its `Enter` message. Ids must increase."""
        self._pending[id] = pending
        key = _member_key(pending)
        if key is not None:
            self._entering[key] = self._entering.get(key, 0) + 1

    def pop(self, id: int) -> PendingEnter | None:
        """Remove the subscriber whose `Enter` has that id, since the broker has replied; None if there is none."""
        pending = self._pending.pop(id, None)
        key = _member_key(pending) if pending is not None else None
        if key is not None:
            self._entering[key] -= 1
            if not self._entering[key]:
                del self._entering[key]
        return pending

    def is_entering(self, member: tuple[str, str, str]) -> bool:
        """Whether the broker gets the member (app id, channel, user id) in an `Enter`, and so not in the `Hello`."""
        return member in self._entering

    def ask(self, id: int) -> None:
        """Send the `Enter` with that id, or forget it if its subscriber was let in and has left since."""
        message = self._message(id)
        if message is not None:
            self._send(message)

    def unsent(self) -> Iterator[m.Enter]:
        """The `Enter` of all who wait, and of those who were let in without the broker, up to the newest at the end."""
        newest = 0
        while ids := [id for id in self._pending if id > newest]:
            newest = ids[-1]
            for id in ids:
                message = self._message(id) if id in self._pending else None
                if message is not None:
                    yield message

    def _message(self, id: int) -> m.Enter | None:
        pending = self._pending[id]
        request, member = pending.request, pending.new_member
        local_channel = self._state.find(request.app_id, request.channel)
        if local_channel is None:  # let in without the broker, and left since
            self._changes.pop(m.ADDED_MEMBERS, pending.change)
            self.pop(id)
            return None
        if member is not None and member.user_id not in local_channel.members:
            self._changes.pop(m.ADDED_MEMBERS, pending.change)
            member = None
        return m.Enter(
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


def _member_key(pending: PendingEnter) -> tuple[str, str, str] | None:
    member, request = pending.new_member, pending.request
    return None if member is None else (request.app_id, request.channel, member.user_id)
