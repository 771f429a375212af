"""A `pusher.ports.Bus` that asks a broker.

What a worker holds (`Subscriptions`) and what it has published (`Outbound`) is its own; the broker is told all of
it whenever the connection is new. While there is none, this worker's own clients are served: they get their events,
and what is asked is answered from what is known here, after a moment of patience.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import Connect
from revurb.bus.brokered.broker_queries import Questions
from revurb.bus.brokered.outbound_queue import Outbound, Outgoing
from revurb.bus.brokered.subscriptions import Subscriptions
from revurb.bus.cache import EventCache
from revurb.bus.engine import Standing
from revurb.bus.local_state import Holdings
from revurb.bus.local_view import Alone
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import ChannelState, Entered, Member, Receiver

_log = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE_S = 3.0  # how long clients and requests wait for a broker that is away


class BrokeredBus:
    """The bus of the process `node`, over what `connect` links it to. To be made and used in one event loop."""

    def __init__(self, node: str, receiver: Receiver, events: MemberEvents, connect: Connect) -> None:
        self._loop = asyncio.get_running_loop()
        self.node = node
        self.missed = 0  # at most so many events came while this worker was cut off and are forgotten
        self.received = 0  # events that the broker has sent, those of this worker among them
        self.refused = 0  # messages that made no sense
        self._receiver = receiver
        self._link = connect(self)
        self._questions = Questions(self._link.send)
        holdings, cache = Holdings(), EventCache(self._loop.time)
        self._cache = cache
        self._alone = Alone(holdings, cache)
        self._subscriptions = Subscriptions(
            holdings, cache, events, self._link.send, self._give, self._questions.next_id
        )
        self._outbound = Outbound(
            self._link.lane, lambda app_id, channel: holdings.find(app_id, channel) is not None
        )
        self._marks: dict[tuple[str, int], int] = {}  # node, lane -> the newest of its events that came
        self._epoch, self._position = "", 0
        self._linked = False
        self._away_since = self._loop.time()
        self._arrived: asyncio.Future[None] = self._loop.create_future()

    async def start(self) -> None:
        """Connect; waits a moment for the broker, and goes on without if it does not come."""
        self._link.start()
        await asyncio.wait((self._arrived,), timeout=PATIENCE_S)

    async def stop(self) -> None:
        """Say goodbye: what this worker still holds is gone at once, not after a lease."""
        self._subscriptions.tell_changes()
        self._link.send(m.Goodbye())
        await self._link.stop()

    @property
    def degraded(self) -> str | None:
        """Why this worker is on its own; None while it is not."""
        return None if self._linked else f"{self._link.name} disconnected"

    @property
    def here(self) -> Alone:
        """What this worker knows by itself."""
        return self._alone

    @property
    def dropped(self) -> int:
        """Events for others that could not wait any longer."""
        return self._outbound.dropped

    @property
    def standing(self) -> Standing:
        """How well this worker keeps up."""
        return Standing(
            topics=self._subscriptions.topics,
            waiting=len(self._outbound),
            dropped=self.dropped,
            missed=self.missed,
            lag_s=self._link.lag_s(time.monotonic()),
        )

    def tick(self) -> None:
        """To be called a few times a second."""
        now = self._loop.time()
        self._link.tick(now)
        self._cache.expire()
        self._subscriptions.tick(now)
        if self._is_alone:
            self._subscriptions.go_on_alone()
            self._questions.answer_alone()

    # What the protocol asks for.

    def publish(
        self,
        app_id: str,
        channel: str,
        text: bytes,
        except_socket_id: str | None = None,
        cache_ttl_s: int = 0,
    ) -> Awaitable[None] | None:
        if cache_ttl_s:
            self._cache.put(app_id, channel, text, cache_ttl_s)
        accepted = self._loop.create_future() if self._linked else None
        event = self._outbound.add(app_id, channel, text, except_socket_id, cache_ttl_s, accepted)
        if self._linked:
            self._send_event(event)
        elif self._outbound.first_sight(event.lane, event.seq):
            self._give(app_id, channel, text, except_socket_id)
        return accepted

    def enter(
        self,
        app_id: str,
        channel: str,
        member: Member | None,
        added: bytes,
        want_cached: bool,
        then: Callable[[Entered], None],
    ) -> None:
        self._subscriptions.enter(app_id, channel, member, added, want_cached, then, self._is_alone)

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        self._subscriptions.leave(app_id, channel, user_id)

    def admit(self, app_id: str, limit: int | None) -> bool | Awaitable[bool]:
        if limit is None:
            self._subscriptions.connect(app_id)
            return True

        def granted(value: msgspec.Raw) -> bool:
            if not m.read_bool(value):
                return False
            self._subscriptions.connect(app_id, told=True)
            return True

        return self._ask(
            lambda id: m.Admit(id, app_id, limit), granted, lambda: self._alone.admit(app_id, limit)
        )

    def release(self, app_id: str) -> None:
        self._subscriptions.disconnect(app_id)

    def terminate(self, app_id: str, user_id: str) -> Awaitable[None] | None:
        return self.publish(app_id, m.EVERYONE, user_id.encode())

    def channels(self, app_id: str, prefix: str) -> Awaitable[dict[str, ChannelState]]:
        return self._ask(
            lambda id: m.Channels(id, app_id, prefix),
            m.read_channels,
            lambda: self._alone.channels(app_id, prefix),
        )

    def describe(self, app_id: str, channels: Sequence[str]) -> Awaitable[list[ChannelState]]:
        return self._ask(
            lambda id: m.Describe(id, app_id, list(channels)),
            m.read_states,
            lambda: self._alone.describe(app_id, channels),
        )

    def members(self, app_id: str, channel: str) -> Awaitable[list[Member]]:
        return self._ask(
            lambda id: m.Members(id, app_id, channel),
            m.read_members,
            lambda: self._alone.members(app_id, channel),
        )

    def connections(self, app_id: str) -> Awaitable[int]:
        return self._ask(
            lambda id: m.CountConnections(id, app_id), m.read_count, lambda: self._alone.connections(app_id)
        )

    def survey(self, question: bytes, deadline_s: float) -> Awaitable[list[bytes]]:
        return self._questions.survey(question, deadline_s)

    # What the link says.

    def linked(self) -> None:
        self._link.send(self._subscriptions.hello(self.node, self._epoch, self._position))
        self._linked = True
        for event in self._outbound.waiting():
            self._send_event(event)
        self._subscriptions.ask_again()
        self._questions.ask_again()

    def unlinked(self) -> None:
        self._linked = False
        self._away_since = self._loop.time()
        self._subscriptions.cut_off()
        _log.warning("the bus is gone: events reach this process's own clients only, until it is back")
        for event in self._outbound.cut_off():
            self._give(event.app_id, event.channel, event.text, event.except_socket_id)

    def take(self, messages: Iterable[m.FromBroker]) -> None:
        for message in messages:
            self._take(message)

    def _take(self, message: m.FromBroker) -> None:
        match message:
            case m.Event():
                self._event(message)
            case m.Accepted(seqs):
                for seq in seqs:
                    self._outbound.accept(seq)
            case m.Entered(id, members, cached):
                self._subscriptions.entered(id, Entered(members, cached))
            case m.Answer(id, value):
                self._answered(id, value)
            case m.Question(id, question):
                self._link.send(m.Reply(id, self._receiver.answer(question)))
            case m.Surveyed(id, answer):
                self._questions.surveyed(id, answer)
            case m.Beating(position):
                self._position = max(self._position, position)
            case m.Gone(node):
                self._marks = {of: seq for of, seq in self._marks.items() if of[0] != node}
            case m.Welcome(epoch, position, missed):
                self._welcome(epoch, position, missed)

    def _welcome(self, epoch: str, position: int, missed: int) -> None:
        if missed:
            self.missed += missed
            _log.warning("events that came meanwhile are forgotten", extra={"at_most": missed})
        if not self._epoch:
            self._position = position  # what was before does not concern us
        elif epoch != self._epoch:
            self._position = 0  # another broker: it counts anew
        self._epoch = epoch
        self._subscriptions.welcomed()
        if self._arrived.done():
            _log.info("the bus is back", extra={"broker": self._link.name})
        else:
            self._arrived.set_result(None)

    def _event(self, event: m.Event) -> None:
        self.received += 1
        self._position = event.position
        if event.node == self.node:
            fresh = self._outbound.first_sight(event.lane, event.seq)
        elif event.node:
            of = (event.node, event.lane)
            fresh = event.seq > self._marks.get(of, 0)
            if fresh:
                self._marks[of] = event.seq
        else:
            fresh = True  # the broker's own
        if fresh:
            self._give(event.app_id, event.channel, event.text, event.except_socket_id)

    def _answered(self, id: int, value: msgspec.Raw) -> None:
        try:
            self._questions.answered(id, value)
        except (msgspec.MsgspecError, RecursionError):
            self.refused += 1

    def _give(self, app_id: str, channel: str, text: bytes, except_socket_id: str | None = None) -> None:
        if channel == m.EVERYONE:
            self._receiver.terminate(app_id, text.decode())
        else:
            self._receiver.deliver(app_id, channel, text, except_socket_id)

    def _send_event(self, event: Outgoing) -> None:
        self._link.send(
            m.Publish(
                event.seq,
                event.app_id,
                event.channel,
                event.text,
                event.except_socket_id,
                event.cache_ttl_s,
            )
        )

    def _ask(
        self,
        message: Callable[[int], m.FromWorker],
        read: Callable[[msgspec.Raw], T],
        alone: Callable[[], T],
    ) -> asyncio.Future[T]:
        self._subscriptions.tell_changes()
        id = self._questions.next_id()
        answer = self._questions.ask(message(id), id, read, alone)
        if self._is_alone:
            self._questions.answer_alone()
        return answer

    @property
    def _is_alone(self) -> bool:
        """Whether the broker has been away for long."""
        return not self._linked and self._loop.time() - self._away_since >= PATIENCE_S
