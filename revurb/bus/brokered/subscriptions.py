"""What a worker's clients are subscribed to, and what the broker has been told of it.

A channel's first subscriber, and every one who wants to know members or the last event, has to ask (`Enter`), and is
let in when the reply comes. The others change a count, and connections that of their app: told at once, and again after
a moment if many come and go, since over Redis each telling takes 0.3 ms of CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.ledger import Key
from revurb.bus.local_state import Holdings
from revurb.bus.local_view import Alone
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import Entered, Member

TELL_EVERY_S = 0.05  # counts, at the most
LINGER_S = 1.0  # how long a channel's events are still sent for after the last subscriber has left

Deliver = Callable[[str, str, bytes], object]  # app id, channel, event


@dataclass(slots=True)
class _Entering:
    """A subscriber that the broker has not confirmed. `told` are the members that it was told of when it was let in
    without the broker; None while it waits."""

    app_id: str
    channel: str
    member: Member | None  # where it is the first of this user here
    added: bytes
    want_members: bool
    want_cached: bool
    then: Callable[[Entered], None]
    told: frozenset[str] | None = None


class Subscriptions:
    """`send` gives a message to the broker, `deliver` an event to this worker's subscribers; `next_id` numbers
    questions."""

    def __init__(
        self,
        holdings: Holdings,
        cache: EventCache,
        events: MemberEvents,
        send: Callable[[m.FromWorker], None],
        deliver: Deliver,
        next_id: Callable[[], int],
    ) -> None:
        self._holdings = holdings
        self._cache = cache
        self._alone = Alone(holdings, cache)
        self._events = events
        self._send = send
        self._deliver = deliver
        self._next_id = next_id
        self._loop = asyncio.get_running_loop()
        self._linked = False
        self._entering: dict[int, _Entering] = {}
        self._topics: dict[Key, float] = {}  # subscribed to -> since when in vain, 0.0 while it is needed
        self._counts: dict[Key, None] = {}  # changed since the broker was told
        self._connections: dict[str, int] = {}  # by how much, since then
        self._telling: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._departed: list[m.Departed] = []  # while there was no broker

    @property
    def topics(self) -> int:
        """Channels that this worker is subscribed to."""
        return len(self._topics)

    # What the protocol asks for.

    def enter(
        self,
        app_id: str,
        channel: str,
        member: Member | None,
        added: bytes,
        want_cached: bool,
        then: Callable[[Entered], None],
        alone: bool,
    ) -> None:
        """`alone` is not to wait for the broker, which has been away for long."""
        key = (app_id, channel)
        held = self._holdings.open(app_id, channel)
        held.count += 1
        first = member is not None and held.join(member)
        if key in self._topics:
            self._topics[key] = 0.0
            if member is None and not want_cached and self._linked:
                self._count_changed(key)
                then(Entered())
                return
        id = self._next_id()
        entering = _Entering(
            app_id, channel, member if first else None, added, member is not None, want_cached, then
        )
        self._entering[id] = entering
        if self._linked:
            self._ask(id, entering)
        elif alone:
            self._let_in(entering)

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        key = (app_id, channel)
        held = self._holdings.open(app_id, channel)
        held.count -= 1
        gone = held.leave(user_id) if user_id is not None else None
        if not held.count:
            self._holdings.close(app_id, channel)
            if key in self._topics:
                self._topics[key] = self._loop.time()
        if gone is None:
            self._count_changed(key)
        elif self._linked:
            self._send(m.Leave(app_id, channel, held.count, gone))
        else:
            self._departed.append(m.Departed(app_id, channel, gone))
            if held.count:
                self._deliver(app_id, channel, self._events.removed(channel, gone))

    def connect(self, app_id: str, told: bool = False) -> None:
        """One more connection of the app; `told` if the broker knows."""
        self._holdings.connect(app_id)
        if not told:
            self._connections_changed(app_id, 1)

    def disconnect(self, app_id: str) -> None:
        self._holdings.disconnect(app_id)
        self._connections_changed(app_id, -1)

    # What becomes of the broker.

    def hello(self, node: str, epoch: str, position: int) -> m.Hello:
        """Everything that there is to tell. What is sent behind it counts on top."""
        # Members on their way are told by their `Enter`, so that the others hear of them.
        coming = {
            (entering.app_id, entering.channel, entering.member.user_id)
            for entering in self._entering.values()
            if entering.member is not None
        }
        topics = [
            m.Topic(
                app_id,
                channel,
                held.count,
                [member for member in held.who() if (app_id, channel, member.user_id) not in coming],
            )
            for app_id, channel, held in self._holdings.items()
        ]
        self._linked = True
        self._topics = {(topic.app_id, topic.channel): 0.0 for topic in topics}
        self._counts.clear()
        self._connections.clear()
        remembered = [m.Remembered(*key, cached.text, cached.ttl_s) for key, cached in self._cache.items()]
        return m.Hello(
            node,
            epoch,
            position,
            dict(self._holdings.connections),
            topics,
            remembered,
            list(self._departed),
        )

    def welcomed(self) -> None:
        """The broker has taken the `Hello`."""
        self._departed.clear()

    def ask_again(self) -> None:
        """Behind the `Hello`: whoever waits, and whoever was let in alone."""
        for id, entering in tuple(self._entering.items()):
            self._ask(id, entering)

    def cut_off(self) -> None:
        self._linked = False

    def go_on_alone(self) -> None:
        """The broker stays away: let in who waits."""
        for entering in tuple(self._entering.values()):
            if entering.told is None:
                self._let_in(entering)

    def entered(self, id: int, entered: Entered) -> None:
        """The broker's reply to an `Enter`."""
        entering = self._entering.pop(id, None)
        if entering is None:
            return
        if entering.told is None:
            self._topics[entering.app_id, entering.channel] = 0.0
            entering.then(entered)
            return
        for member in entered.members:
            if member.user_id not in entering.told:
                added = self._events.added(entering.channel, member)
                self._deliver(entering.app_id, entering.channel, added)

    def tick(self, now: float) -> None:
        for key in [key for key, since in self._topics.items() if since and now - since >= LINGER_S]:
            del self._topics[key]
            self._send(m.Unsubscribe(*key))

    def tell_changes(self) -> None:
        """Tell what has been put off; to be called before any question, so that the answer knows of it."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._counts or self._connections:
            self._told_at = self._loop.time()
        for app_id, channel in self._counts:
            held = self._holdings.find(app_id, channel)
            self._send(m.Count(app_id, channel, 0 if held is None else held.count))
        self._counts.clear()
        for app_id, change in self._connections.items():
            self._send(m.Connections(app_id, change, self._holdings.connections.get(app_id, 0)))
        self._connections.clear()

    def _ask(self, id: int, entering: _Entering) -> None:
        held = self._holdings.find(entering.app_id, entering.channel)
        member = entering.member
        if held is None:  # let in alone, and gone since
            del self._entering[id]
            return
        if member is not None and member.user_id not in held.members:
            member = None
        self._send(
            m.Enter(
                id,
                entering.app_id,
                entering.channel,
                held.count,
                member,
                entering.added if member is not None else b"",
                entering.want_members,
                entering.want_cached,
            )
        )

    def _let_in(self, entering: _Entering) -> None:
        app_id, channel = entering.app_id, entering.channel
        if entering.member is not None:
            self._deliver(app_id, channel, entering.added)
        members = self._alone.members(app_id, channel) if entering.want_members else []
        cached = self._cache.get(app_id, channel) if entering.want_cached else None
        entering.told = frozenset(member.user_id for member in members)
        entering.then(Entered(members, None if cached is None else cached.text))

    def _count_changed(self, key: Key) -> None:
        self._counts[key] = None
        self._tell_soon()

    def _connections_changed(self, app_id: str, change: int) -> None:
        self._connections[app_id] = self._connections.get(app_id, 0) + change
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = self._loop.call_at(self._told_at + TELL_EVERY_S, self.tell_changes)
