"""Subscribers that the broker was asked to count, and has not confirmed.

If the broker stays away, they are confirmed locally, with what this node knows. When it is back it gets the new members
among them, and the members that a channel's subscribers have not been told of are announced to them. Only what that
takes is kept: one subscriber for each channel and each new member, however many come and go meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.bus.cache import EventCache
from revurb.bus.ledger import ChannelKey
from revurb.bus.local_state import LocalState
from revurb.bus.local_view import LocalView
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, PublishedEvent

Deliver = Callable[[PublishedEvent], object]
MemberKey: TypeAlias = tuple[str, str, str]
"""App id, channel, user id."""
_FULL = ChannelSnapshot(is_full=True)


@dataclass(slots=True)
class PendingEnter:
    """One subscriber. `new_member` is its member if this is the user's first connection here, and `change` the number
    of the event that says so. `was_sent` is whether a broker may know of that member.

    The first subscriber of a channel that gets the members and was confirmed locally has `announced_members`: the user
    ids of those that it was told of.
    """

    request: EnterRequest
    new_member: Member | None
    on_entered: Callable[[ChannelSnapshot], None]
    change: int = 0
    was_sent: bool = False
    is_confirmed: bool = False
    announced_members: frozenset[str] | None = None


class PendingEnters:
    """`send` gives a message to the broker, `deliver` an event to this node's subscribers; `undo` counts out a
    subscriber who was not let in."""

    def __init__(
        self,
        state: LocalState,
        cache: EventCache,
        events: MemberEvents,
        changes: MemberChanges,
        send: Callable[[m.FromWorker], None],
        deliver: Deliver,
        undo: Callable[[PendingEnter], None],
    ) -> None:
        self._undo = undo
        self._state = state
        self._cache = cache
        self._view = LocalView(state, cache)
        self._events = events
        self._changes = changes
        self._send = send
        self._deliver = deliver
        self._pending: dict[int, PendingEnter] = {}
        self._waiting: dict[int, None] = {}  # those that are not confirmed
        # App id, channel, user id -> those whose new member it is.
        self._entering: dict[MemberKey, list[int]] = {}
        self._first_confirmed: dict[ChannelKey, int] = {}  # with members, locally

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, id: int, pending: PendingEnter) -> None:
        """Keep a subscriber under the id of its `Enter` message. Ids must increase."""
        self._pending[id] = pending
        self._waiting[id] = None
        key = None if pending.new_member is None else _member_key(pending)
        if key is not None:
            self._entering.setdefault(key, []).append(id)

    def pop(self, id: int) -> PendingEnter | None:
        """Remove the subscriber whose `Enter` has that id, since the broker has replied; None if there is none."""
        pending = self._pending.pop(id, None)
        if pending is not None:
            self._waiting.pop(id, None)
            if pending.new_member is not None:
                self._forget_member(id, pending)
            if pending.announced_members is not None:
                del self._first_confirmed[pending.request.app_id, pending.request.channel]
        return pending

    def withdraw(self, member: MemberKey) -> bool:
        """The user has left this node while the broker was away. Returns whether no broker can know that it was
        there."""
        ids = self._entering.get(member, [])
        is_unknown = bool(ids) and not any(self._pending[id].was_sent for id in ids)
        for id in tuple(ids):
            pending = self._pending[id]
            if not pending.is_confirmed:
                is_unknown = False
                continue
            if is_unknown:
                self._changes.pop(m.ADDED_MEMBERS, pending.change)
            if pending.announced_members is None:
                self.pop(id)
            elif is_unknown:  # the others on the channel may have to be told of members
                self._forget_member(id, pending)
                pending.new_member = None
        return is_unknown

    def channel_closed(self, key: ChannelKey) -> None:
        """The channel has no subscribers on this node any more."""
        id = self._first_confirmed.get(key)
        if id is not None and not self._pending[id].was_sent:
            self.pop(id)

    def is_entering(self, member: MemberKey) -> bool:
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
        pending.was_sent = True
        return m.Enter(
            id,
            request.app_id,
            request.channel,
            local_channel.count,
            member,
            request.added if member is not None else b"",
            request.gets_members,
            request.want_cached,
            pending.change if member is not None else 0,
            0 if pending.is_confirmed or member is None else request.max_members,
            request.want_position and not pending.is_confirmed,
            None if pending.is_confirmed else request.resume,
        )

    def confirm_all_locally(self) -> Iterator[None]:
        """The broker stays away: confirm a subscriber that waits in each step, also those that come meanwhile."""
        while ids := tuple(self._waiting):
            for id in ids:
                if id in self._waiting:
                    del self._waiting[id]
                    self._confirm_locally(id, self._pending[id])
                    yield

    def waiting_request(self, id: int) -> EnterRequest | None:
        """The request with that id, if its subscriber has not been confirmed."""
        return self._pending[id].request if id in self._waiting else None

    def refuse(self, id: int) -> None:
        """The broker cannot count the subscriber with that id: forget it, and confirm it if it waits."""
        if id in self._waiting:
            del self._waiting[id]
            self._confirm_locally(id, self._pending[id])
        self.pop(id)

    def _confirm_locally(self, id: int, pending: PendingEnter) -> None:
        """Confirm a subscriber with what this node knows, or refuse it if its user is one too many here."""
        request = pending.request
        app_id, channel = request.app_id, request.channel
        if request.max_members and self._is_one_too_many(pending):
            self.refuse_full(id)
            return
        if pending.new_member is not None and self._changes.claim_delivery(m.ADDED_MEMBERS, pending.change):
            self._deliver(PublishedEvent(app_id, channel, request.added))
        members = self._view.members(app_id, channel) if request.gets_members else []
        cached = self._cache.get(app_id, channel) if request.want_cached else None
        pending.is_confirmed = True
        if request.gets_members and (app_id, channel) not in self._first_confirmed:
            pending.announced_members = frozenset(member.user_id for member in members)
            self._first_confirmed[app_id, channel] = id
        elif pending.new_member is None:
            self.pop(id)  # the `Hello` has its channel, and its member if it has one
        pending.on_entered(ChannelSnapshot(members, None if cached is None else cached.text))

    def _is_one_too_many(self, pending: PendingEnter) -> bool:
        """Whether the user has come behind as many as may be there, who wait themselves or are confirmed."""
        request, member = pending.request, pending.new_member
        local_channel = self._state.find(request.app_id, request.channel)
        if member is None or local_channel is None:
            return False
        first = islice(local_channel.members, request.max_members)
        return len(local_channel.members) > request.max_members and member.user_id not in first

    def refuse_full(self, id: int) -> None:
        """The subscriber with that id, who waits, is not let in."""
        pending = self.pop(id)
        if pending is not None:
            self._undo(pending)
            pending.on_entered(_FULL)

    def announce_missing(self, pending: PendingEnter, snapshot: ChannelSnapshot) -> None:
        """Announce to a subscriber that was let in without the broker the members of `snapshot` that it has not been
        told of."""
        app_id, channel = pending.request.app_id, pending.request.channel
        for member in snapshot.members:
            if pending.announced_members is not None and member.user_id not in pending.announced_members:
                self._deliver(PublishedEvent(app_id, channel, self._events.added(channel, member)))

    def _forget_member(self, id: int, pending: PendingEnter) -> None:
        key = _member_key(pending)
        if key is not None:
            ids = self._entering[key]
            ids.remove(id)
            if not ids:
                del self._entering[key]


def _member_key(pending: PendingEnter) -> MemberKey | None:
    member, request = pending.new_member, pending.request
    return None if member is None else (request.app_id, request.channel, member.user_id)
