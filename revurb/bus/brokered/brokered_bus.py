"""A `pusher.ports.Bus` over a broker.

This node keeps what it is subscribed to (`BrokeredSubscriptions`) and what it has published (`OutboundQueue`), and
sends all of it to the broker whenever the link is new. While there is no link, its own clients are served: they get
their events at once, and after BROKER_WAIT_S questions are answered from this node's own state.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLinkFactory
from revurb.bus.brokered.broker_queries import BrokerQueries
from revurb.bus.brokered.broker_questions import BrokerQuestions
from revurb.bus.brokered.fact_duty import FactDuty
from revurb.bus.brokered.known_nodes import KnownNodes
from revurb.bus.brokered.outage import Outage
from revurb.bus.brokered.outbound_queue import OutboundQueue
from revurb.bus.brokered.paced_sender import PacedSender
from revurb.bus.brokered.publishing import Publishing
from revurb.bus.brokered.subscriptions import BrokeredSubscriptions
from revurb.bus.brokered.told_gaps import ToldGaps
from revurb.bus.cache import MAX_BYTES_PER_APP, EventCache
from revurb.bus.engine import BusHealth
from revurb.bus.local_state import LocalState
from revurb.bus.local_view import LocalView
from revurb.bus.member_events import MemberEvents
from revurb.bus.survey_answers import SurveyAnswers
from revurb.pusher.facts import FactQueue, FactSender, WantedFacts
from revurb.pusher.ports import ChannelSnapshot, DeliverableEvent, EnterRequest, PublishedEvent, Receiver

_log = logging.getLogger(__name__)

BROKER_WAIT_S = 3.0  # how long clients and requests wait for a broker that is away
STOP_S = 3.0  # for what gathered for a broker that is told goodbye


class BrokeredBus:
    """The bus of `node`, over the link that `connect` makes. To be created and used in one event loop."""

    def __init__(
        self,
        node: str,
        receiver: Receiver,
        events: MemberEvents,
        connect: BrokerLinkFactory,
        max_cached_bytes: int = MAX_BYTES_PER_APP,
    ) -> None:
        self.node, self._loop = node, asyncio.get_running_loop()
        self.missed = 0  # at most so many events could not be sent to this node, or not again
        # `_received` are events from the broker, this node's own included
        self._reconnects = self.invalid_messages = self._received = 0
        self._receiver, self.deliver = receiver, receiver.deliver
        self._link = connect(self)
        self._log = self._link.log
        self.hold_receiving = self._link.hold_receiving
        self._queries = BrokerQueries(self._send)
        self._facts = FactDuty(self._queries, self._send, holds=self._log is not None)
        self.record = self._facts.record
        state, self._cache = LocalState(), EventCache(self._loop.time, max_cached_bytes)
        self._state = state
        self.local_view = LocalView(state, self._cache)  # this node's own state, without the broker's
        self._subscriptions = BrokeredSubscriptions(
            state,
            self._cache,
            events,
            self._send,
            self._give,
            self._queries.next_id,
            self._log,
            confirms_changes=self._link.confirms_changes,
            holds_counts=self._link.holds_counts,
        )
        questions = self._questions = BrokerQuestions(
            self._queries, self.local_view, self._subscriptions.report_before, lambda: self._is_isolated
        )
        self.channels, self.describe = questions.channels, questions.describe
        self.members, self.connections = questions.members, questions.connections
        self.history, self.forget_history = questions.history, questions.forget_history
        self.survey, self._known_nodes = self._queries.survey, KnownNodes()
        self._survey_answers = SurveyAnswers()
        self._outbound = OutboundQueue(self._link.partition_of, state.has)
        self._epoch = ""
        self._sender = PacedSender(self._link)  # of what goes before anything that is published now
        self._outage = Outage(self._outbound, self._subscriptions, self._queries, self._give)
        self._publishing = Publishing(
            self._link, self._cache, self._outbound, self._sender, self._outage, lambda: self._is_isolated
        )
        self.publish, self.publish_kept = self._publishing.publish, self._publishing.publish_kept
        self._gaps = ToldGaps(state.has, self._give)
        self._welcomed_once: asyncio.Future[None] = self._loop.create_future()

    def tell_facts(self, wanted: WantedFacts, sender: FactSender) -> FactQueue:
        self._subscriptions.wanted = wanted
        self._link.tell_facts(wanted)
        self._facts.tell(wanted, sender)
        return self._facts

    async def start(self) -> None:
        """Connect. Waits at most BROKER_WAIT_S seconds for the broker, and goes on trying in the background."""
        self._link.start()
        await asyncio.wait((self._welcomed_once,), timeout=BROKER_WAIT_S)

    async def stop(self) -> None:
        """Say goodbye, so that what this node holds is removed at once and not after a lease, and disconnect."""
        await self._sender.finish(STOP_S)  # a goodbye is the last that a broker is told
        self._subscriptions.stop()
        self._facts.end()
        self._link.send(m.Goodbye())
        await self._link.stop()
        self._outbound.close()
        self._queries.close()
        self._survey_answers.close()

    @property
    def is_linked(self) -> bool:
        """Whether the broker can be reached."""
        return self._publishing.is_linked

    @property
    def received(self) -> int:
        return self._received + (self._log.received if self._log else 0)

    @property
    def degraded(self) -> str | None:
        """Why this node is cut off from the others; None while it is connected."""
        return None if self.is_linked else f"{self._link.name} disconnected"

    @property
    def health(self) -> BusHealth:
        """How well this node keeps up with the bus."""
        return BusHealth(
            topics=self._subscriptions.topics,
            waiting=len(self._outbound),
            dropped=self._outbound.dropped if self._log is None else self._log.dropped,
            missed=self.missed,
            invalid=self.invalid_messages + self._link.invalid_messages,
            lag_s=self._link.lag_s(time.monotonic()),
            cache_dropped=self._cache.dropped_total if self._log is None else 0,  # else the hub's count
            facts_lost=self._facts.recorded_lost,
            members=self._state.members,
            reconnects=self._reconnects,
            received=self.received,
        )

    def tick(self) -> None:
        """Do what is due. To be called a few times a second."""
        self._link.tick(now := self._loop.time())
        self._cache.expire()
        self._subscriptions.tick(now)
        self._facts.tick()
        if self._is_isolated:
            self._outage.serve_alone()

    # What the protocol asks for.

    def enter(self, request: EnterRequest, on_entered: Callable[[ChannelSnapshot], None]) -> None:
        self._subscriptions.enter(request, on_entered)
        if request.want_position:
            self._gaps.note(request.app_id, request.channel)
        if not self.is_linked and self._is_isolated:
            self._outage.confirm()

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        self._subscriptions.leave(app_id, channel, user_id)

    def admit(self, app_id: str, limit: int | None) -> bool | Awaitable[bool]:
        if self._link.has_place(app_id, limit, self.local_view.connections(app_id)) or limit is None:
            self._subscriptions.connect(app_id)
            return True

        def granted(value: msgspec.Raw) -> bool:
            if not m.read_bool(value):
                return False
            self._subscriptions.connect(app_id, is_known=not self._link.holds_counts)
            return True

        return self._questions.ask(
            lambda id: m.Admit(id, app_id, limit), granted, lambda: self.local_view.admit(app_id, limit)
        )

    def release(self, app_id: str) -> None:
        self._subscriptions.disconnect(app_id)
        self._link.released(app_id, self.local_view.connections(app_id))

    def terminate(self, app_id: str, user_id: str) -> Awaitable[None] | None:
        return self.publish(PublishedEvent(app_id, m.TERMINATIONS, user_id.encode()))

    # What the link calls (`BrokerLinkOwner`).

    def linked(self) -> None:
        self._outage.when_settled(lambda: self._sender.begin(self._everything()))

    def relinked(self) -> None:
        self._disconnected()
        self.linked()

    def _disconnected(self) -> None:
        for collaborator in (self._sender, self._outage, self._subscriptions, self._facts):
            collaborator.disconnected()

    def filled(self) -> None:
        if self._sender.messages is None:
            self._sender.begin(self._outbound.unsent())

    def has_room(self) -> None:
        self._sender.go_on()

    def unlinked(self) -> None:
        self._disconnected()
        if not self.is_linked:
            return
        self._publishing.is_linked = False
        what = "members and counts wait" if self._log else "events reach this process's own clients only"
        _log.warning("the bus is gone: %s, until it is back", what)
        self._outage.begin()

    def _everything(self) -> Iterator[m.FromWorker]:
        """What a broker has to be sent that can be reached again, or for the first time."""
        for message in self._subscriptions.greet(
            self.node, self._epoch, self._known_nodes.entrusted(), self._link.token
        ):
            if isinstance(message, m.Hello):
                message.wanted, message.is_sending = dict(self._facts.wanted), self._facts.is_sending
                self._publishing.is_linked = True
                self._outage.end()
            yield message
        self._outbound.sent_up_to = 0
        yield from self._outbound.held.gaps()
        yield from self._outbound.unsent()
        yield from self._queries.unanswered()
        yield from self._facts.report()
        yield from self._subscriptions.unsent_enters()
        yield from self._outbound.unsent()

    def receive(self, messages: Iterable[m.FromBroker]) -> None:
        for message in messages:
            if type(message) is m.BrokerEvent:
                self._on_event(message)
            else:
                self._handle(message)

    def _handle(self, message: m.FromBroker) -> None:
        match message:
            case m.Accepted(seqs, partition):
                for seq in seqs:
                    self._on_accepted(partition, seq)
            case m.EntrustedMembers():
                self._known_nodes.keep(message)
            case m.EventsMissed(count, is_forgotten):
                self._miss(count, is_forgotten)
                if self._log is not None and self.is_linked:
                    # It may have been replies; `Enter` can be repeated.
                    self._sender.follow(self._subscriptions.unsent_enters())
            case m.EnterReply(id, members, cached, is_full, replay):
                self._subscriptions.on_enter_reply(id, ChannelSnapshot(members, cached, is_full, replay))
            case m.ChannelsReply(id, channels):
                self._queries.on_answer(id, channels)
            case m.QueryReply(id, value):
                self._on_reply(id, value)
            case m.SurveyQuestion(id, question):
                answer = self._receiver.answer(question)
                self._survey_answers.give(answer, lambda text: self._link.send(m.SurveyReply(id, text)))
            case m.FactsBegin() | m.FactsTaken() | m.FactsEnd():
                self._facts.receive(message)
            case m.SurveyResult(id, answer):
                self._queries.on_survey_result(id, answer)
            case m.NodeGone(node):
                self._known_nodes.gone(node)
            case m.ReportRequest() | m.CountWanted():
                self._subscriptions.on_request(message)
            case m.Refused(id):
                self._subscriptions.on_enter_refused(id)
                self._queries.on_refused(id)
            case m.Welcome(epoch, missed):
                self._on_welcome(epoch, missed)

    def _miss(self, count: int, is_forgotten: bool) -> None:
        self.missed += count
        if is_forgotten:
            _log.warning("events that came meanwhile are forgotten", extra={"at_most": count})
        else:
            _log.warning("missed events: too slow, or others died with the hub", extra={"at_most": count})
        self._gaps.tell()

    def _on_welcome(self, epoch: str, missed: int) -> None:
        if missed:
            self._miss(missed, is_forgotten=True)
        self._epoch = epoch
        self._subscriptions.welcomed()
        self._known_nodes.welcomed()
        if self._welcomed_once.done():
            self._reconnects += 1
            _log.info("the bus is back", extra={"broker": self._link.name})
        else:
            self._welcomed_once.set_result(None)

    def _on_event(self, event: m.BrokerEvent) -> None:
        self._received += 1
        is_new = True
        if event.node == self.node:
            claim = self._outbound if event.partition >= 0 else self._subscriptions.changes
            is_new = claim.claim_delivery(event.partition, event.seq)
        elif event.node:
            is_new = self._known_nodes.claim_delivery(event.node, event.partition, event.seq)
        if is_new:
            self._give(event)
        else:
            self._gaps.repeated(event.app_id, event.channel)

    def _on_accepted(self, partition: int, seq: int) -> None:
        if partition == m.RECORDED_FACTS:
            self._facts.confirmed(seq)
        elif partition == m.MARKED_GAPS:
            self._outbound.held.gap_marked(seq)
        elif partition < 0:
            self._subscriptions.changes.pop(partition, seq)
        elif self._outbound.accept(seq):
            for gap in self._outbound.held.gaps():
                self._send(gap)

    def _on_reply(self, id: int, value: msgspec.Raw) -> None:
        try:
            self._queries.on_reply(id, value)
        except (msgspec.MsgspecError, RecursionError):
            self.invalid_messages += 1

    def _give(self, event: DeliverableEvent) -> None:
        if event.channel == m.TERMINATIONS:
            self._receiver.terminate(event.app_id, event.text.decode())
        else:
            self.deliver(event)

    def _send(self, message: m.FromWorker) -> None:
        """Send what belongs behind the `Hello`; without effect before."""
        if self.is_linked:
            self._link.send(message)

    @property
    def _is_isolated(self) -> bool:
        """Whether the broker has been away for BROKER_WAIT_S."""
        return not self.is_linked and self._outage.duration_s >= BROKER_WAIT_S
