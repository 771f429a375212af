"""What this node's clients are subscribed to, and which of it the broker knows.

A channel's first subscriber, and every one who asks for members or the last event, has to be confirmed by the broker
(`PendingEnters`). The others only change a count, as connections change that of their app (`CountReporter`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import HostEvents
from revurb.bus.brokered.count_reporter import CountReporter
from revurb.bus.brokered.greeting import PART_BYTES, Greeting
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.bus.brokered.pending_enters import Deliver, PendingEnter, PendingEnters
from revurb.bus.cache import EventCache
from revurb.bus.ledger import ChannelKey
from revurb.bus.local_state import LocalState
from revurb.bus.member_events import MemberEvents
from revurb.pusher.facts import WantedFacts
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, PublishedEvent

LINGER_S = 1.0  # how long a node stays subscribed to a channel after its last subscriber has left
CLOSED_S = 0.5  # after which a broker that is there knows of a channel without subscribers
MAX_UNSUBSCRIBED = 1000  # channels at a time: 3 ms
UNSUBSCRIBED_EVERY_S = 0.03  # with the rest of very many: more than clients can leave in that time

_HAS_SUBSCRIBERS = 0.0
_EMPTY = ChannelSnapshot()
_NOBODY: list[Member] = []  # of all reports; never changed


class BrokeredSubscriptions:
    """`send` gives a message to the broker, `deliver` an event to this node's subscribers; `next_id` numbers the
    questions. `log` is where the events come from, if not from the broker. `confirms_changes` is whether the broker
    confirms the member events that this node causes, `holds_counts` whether counts that change often are told to it
    once a second."""

    def __init__(
        self,
        state: LocalState,
        cache: EventCache,
        events: MemberEvents,
        send: Callable[[m.FromWorker], None],
        deliver: Deliver,
        next_id: Callable[[], int],
        log: HostEvents | None = None,
        *,
        confirms_changes: bool = False,
        holds_counts: bool = False,
    ) -> None:
        self._state = state
        self._cache = cache
        self._events = events
        self._send = send
        self._deliver = deliver
        self._next_id = next_id
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._linked = False
        self._is_welcomed = False
        self._asks = False  # whether an `Enter` is sent at once: not before the older ones
        self._greeting: Greeting | None = None
        self._confirms_changes = confirms_changes
        self.changes = MemberChanges(events.removed)
        self._pending = PendingEnters(state, cache, events, self.changes, send, deliver, self._undo_enter)
        self._counts = CountReporter(state, send, holds=holds_counts)
        # Subscribed to -> since when it has no subscribers, or _HAS_SUBSCRIBERS.
        self._topics: dict[ChannelKey, float] = {}
        self._rest: asyncio.TimerHandle | None = None  # of those to unsubscribe from
        self.wanted: WantedFacts = {}
        # Of apps with facts, channels that a broker was told of and that have no subscribers any more -> since when.
        self._closed: dict[ChannelKey, float] = {}
        # Of these, those that have subscribers again, of which the broker may not know -> since when.
        self._reopened: dict[ChannelKey, float] = {}
        self._unlinked_at = 0.0

    @property
    def topics(self) -> int:
        """The number of channels that this node is subscribed to at the broker."""
        return len(self._topics)

    # What the protocol asks for.

    def enter(self, request: EnterRequest, on_entered: Callable[[ChannelSnapshot], None]) -> None:
        """Count one more subscriber."""
        app_id, channel, member = request.app_id, request.channel, request.member
        key = (app_id, channel)
        if self._greeting is not None:
            self._greeting.changed(key)
        local_channel = self._state.open(app_id, channel)
        local_channel.count += 1
        if self._closed:
            self._closed.pop(key, None)
        is_new = member is not None and local_channel.join(member)
        # With a limit, each connection of a user is asked for until one is in: the first may be refused.
        joins = is_new or (
            request.max_members and member is not None and self._pending.is_entering((*key, member.user_id))
        )
        if key in self._topics:
            if self._topics[key] != _HAS_SUBSCRIBERS and self.wanted.get(app_id):
                self._reopen(key)
            self._topics[key] = _HAS_SUBSCRIBERS
            if request.is_plain and self._linked:
                self._counts.channel_changed(key)
                on_entered(_EMPTY)
                return
        elif self._log is not None:
            self._log.add_topic(key)
        id = self._next_id()
        pending = PendingEnter(request, member if joins else None, on_entered)
        if is_new and member is not None:
            pending.change = self.changes.add(app_id, channel, member, request.added)
        self._pending.add(id, pending)
        if self._asks:
            self._pending.ask(id)

    def _reopen(self, key: ChannelKey) -> None:
        """A channel has its first subscriber once more. A broker that was told of the end of the last one may be gone
        before it is told of this one; then the next broker has to take the channel for a new one."""
        if self._linked or self._topics[key] <= self._unlinked_at:
            self._reopened.pop(key, None)
            self._reopened[key] = self._loop.time()

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        """Undo one `enter`."""
        key = (app_id, channel)
        if self._greeting is not None:
            self._greeting.changed(key)
        local_channel = self._state.open(app_id, channel)
        local_channel.count -= 1
        gone = local_channel.leave(user_id) if user_id is not None else None
        # Ahead of `channel_closed`, which forgets who was on the channel.
        is_withdrawn = (
            gone is not None and not self._linked and self._pending.withdraw((app_id, channel, gone.user_id))
        )
        if not local_channel.count:
            self._close(key)
            if not self._linked:
                self._pending.channel_closed(key)
        if gone is None:
            self._counts.channel_changed(key)
            return
        if is_withdrawn:
            if local_channel.count:
                self._deliver(PublishedEvent(app_id, channel, self._events.removed(channel, gone)))
            return
        change = self.changes.remove(app_id, channel, gone)
        if self._linked:
            self._send(m.Leave(app_id, channel, local_channel.count, gone, change))
            if not self._confirms_changes and self._is_welcomed:
                self.changes.pop(m.REMOVED_MEMBERS, change)
        # Else the broker says it when it is back, unless the user is still there through another node.

    def _close(self, key: ChannelKey) -> None:
        """The channel has no subscribers any more."""
        self._state.close(*key)
        if key in self._topics:
            self._topics[key] = now = self._loop.time()
            if self.wanted.get(key[0]):
                self._closed[key] = now
        elif self._log is not None:
            self._log.remove_topic(key)

    def _undo_enter(self, pending: PendingEnter) -> None:
        """Count out a subscriber who was not let in, and of whom nobody has heard."""
        request, member = pending.request, pending.request.member
        key = (request.app_id, request.channel)
        if self._greeting is not None:
            self._greeting.changed(key)
        self.changes.pop(m.ADDED_MEMBERS, pending.change)
        local_channel = self._state.open(*key)
        local_channel.count -= 1
        if member is not None:
            local_channel.leave(member.user_id)
        if not local_channel.count:
            self._close(key)
        self._counts.channel_changed(key)  # what was told meanwhile has this one in it

    def connect(self, app_id: str, *, is_known: bool = False) -> None:
        """Count one more connection of the app; `is_known` if the broker has counted it already."""
        self._state.connect(app_id)
        if not is_known:
            self._counts.connections_changed(app_id, 1)

    def disconnect(self, app_id: str) -> None:
        """Undo one `connect`."""
        self._state.disconnect(app_id)
        self._counts.connections_changed(app_id, -1)

    def stop(self) -> None:
        """Send no counts any more, and leave no channels: the node says goodbye."""
        self._counts.clear()
        if self._rest is not None:
            self._rest.cancel()

    def report_before(self, question: m.FromWorker, ask: Callable[[], None]) -> None:
        """Send the counts that have changed, and then call `ask`, for a question whose answer is to include them."""
        self._counts.report_before(question, ask)

    # What happens to the link.

    def greet(
        self,
        node: str,
        epoch: str,
        entrusted: Iterable[m.EntrustedMembers] = (),
        token: int = 0,
    ) -> Iterator[m.StatePart | m.Hello]:
        """Everything that this node has to report, with the `entrusted` members: in parts, if it is much, and a
        `Hello`. Messages that are sent after the `Hello` are changes to it."""
        state = self._state
        greeting = Greeting(
            state,
            self._cache,
            self._pending,
            self.changes,
            PART_BYTES,
            entrusted,
            self._topics,
            self._reopened,
        )
        self._greeting = greeting
        parts = greeting.parts()
        first = next(parts)
        for part in parts:  # there is one only, if it is little
            yield first
            first = part
        rest = greeting.rest()
        self._greeting = None
        self._linked = True
        if self._log is not None:
            for key in self._topics.keys() - greeting.reported:
                self._log.remove_topic(key)
        self._topics = dict.fromkeys(greeting.reported, _HAS_SUBSCRIBERS)
        self._counts.clear()
        channels, cached = [*first.channels, *rest.channels], first.cached
        departed = [*first.departed, *rest.departed]
        connections = dict(state.connections)
        yield m.Hello(
            node, epoch, connections, channels, cached, departed, first.entrusted, token, list(self._closed)
        )

    def on_request(self, request: m.ReportRequest | m.CountWanted) -> None:
        """Send a count that this node holds, or what it has of one channel, which the broker has lost."""
        if isinstance(request, m.CountWanted):
            self._counts.answer(request)
            return
        app_id, channel = request.app_id, request.channel
        local_channel = self._state.find(app_id, channel)
        if local_channel is not None and self._linked:
            greeting = Greeting(self._state, self._cache, self._pending, self.changes, math.inf)
            ((report, _),) = greeting._reports(app_id, channel, local_channel)
            self._send(m.Report(report))

    def welcomed(self) -> None:
        """The broker has handled the `Hello`: what it is told from now on it does not lose with the link."""
        self._is_welcomed = True
        if not self._confirms_changes:
            self.changes.forget_departed()

    def unsent_enters(self) -> Iterator[m.Enter]:
        """The pending `Enter` messages, to be sent after the `Hello`. Further ones are sent when these are."""
        yield from self._pending.unsent()
        self._asks = True

    def disconnected(self) -> None:
        """The broker cannot be reached."""
        if self._linked:
            self._unlinked_at = self._loop.time()
        self._linked = self._asks = self._is_welcomed = False
        self._greeting = None

    def confirm_locally(self) -> Iterator[None]:
        """Tell of the members that have left, and let in the subscribers that wait, one in each step: the broker stays
        away."""
        for departed in self.changes.departed():
            if self.changes.claim_delivery(m.REMOVED_MEMBERS, departed.change):
                text = self._events.removed(departed.channel, departed.member)
                self._deliver(PublishedEvent(departed.app_id, departed.channel, text))
            yield
        yield from self._pending.confirm_all_locally()

    def on_enter_reply(self, id: int, snapshot: ChannelSnapshot) -> None:
        """Handle the broker's reply to an `Enter`."""
        if snapshot.is_full:
            self._on_full(id)
            return
        pending = self._pending.pop(id)
        if pending is None:
            return
        if pending.change and not self._confirms_changes:
            self.changes.pop(m.ADDED_MEMBERS, pending.change)
        if not pending.is_confirmed:
            self._topics[pending.request.app_id, pending.request.channel] = _HAS_SUBSCRIBERS
            pending.on_entered(snapshot)
        elif pending.announced_members is not None:
            self._pending.announce_missing(pending, snapshot)

    def _on_full(self, id: int) -> None:
        request = self._pending.waiting_request(id)
        if request is None:  # it was let in without the broker; the question that follows has no limit
            return
        self._topics[request.app_id, request.channel] = _HAS_SUBSCRIBERS
        self._pending.refuse_full(id)

    def on_enter_refused(self, id: int) -> None:
        """The broker cannot count a subscriber: let it in with what this node knows."""
        request = self._pending.waiting_request(id)
        if request is not None:
            self._topics[request.app_id, request.channel] = _HAS_SUBSCRIBERS
        self._pending.refuse(id)

    def tick(self, now: float) -> None:
        """Unsubscribe from channels that have had no subscribers for LINGER_S: of very many, from the rest soon. To be
        called a few times a second."""
        if self._rest is None:
            self._unsubscribe(now)
        if self._is_welcomed:
            for changed in (self._closed, self._reopened):
                if changed:
                    _forget_older(changed, now - CLOSED_S)

    def _unsubscribe(self, now: float) -> None:
        empty = (key for key, since in self._topics.items() if since and now - since >= LINGER_S)
        some = list(islice(empty, MAX_UNSUBSCRIBED))
        for key in some:
            del self._topics[key]
            if self._log is None:
                self._send(m.Unsubscribe(*key))
            else:
                self._log.remove_topic(key)
        if len(some) == MAX_UNSUBSCRIBED:
            self._rest = self._loop.call_later(UNSUBSCRIBED_EVERY_S, self._unsubscribe_rest)

    def _unsubscribe_rest(self) -> None:
        self._rest = None
        self._unsubscribe(self._loop.time())


def _forget_older(changed: dict[ChannelKey, float], at: float) -> None:
    """Forget the channels that changed before `at`: the broker has been told of it."""
    for key, since in tuple(changed.items()):
        if since > at:
            return
        del changed[key]
