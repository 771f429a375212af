"""The broker: knows who is on which channel through which worker, and says who came and left.

Events pass it by: they are in the log, which also has its place for what it says itself.

Rule 1: a worker reports its state in absolute terms, so repeating a report changes nothing. A worker that was cut off,
or that meets a new broker, reports everything once (`Hello`) and is up to date.
Rule 2: a worker that is cut off has one lease to come back. After that its state is removed and the others are told.
Rule 3: a broker that replaces one that died first collects the workers' reports (`Takeover`).
Rule 4: nothing that a worker sends ends the broker. Invalid messages are counted and dropped.
Rule 5: a change is confirmed when what it causes is in the log. Until then the worker keeps it.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from revurb.bus import step_queue
from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import MAX_REPORT_BYTES, NodeReport
from revurb.bus.cache import MAX_BYTES_PER_APP, EventCache
from revurb.bus.fact_making import FactMaker
from revurb.bus.hub.absent_workers import AbsentWorkers
from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.fact_desk import FactDesk
from revurb.bus.hub.hub_log import HubLog
from revurb.bus.hub.membership import Membership
from revurb.bus.hub.open_surveys import OpenSurveys
from revurb.bus.hub.peer import ConnectedPeers, Peer
from revurb.bus.hub.question_answers import QuestionAnswers
from revurb.bus.hub.takeover import Takeover
from revurb.bus.ledger import Ledger
from revurb.bus.member_events import MemberEvents
from revurb.bus.step_queue import StepQueue

_log = logging.getLogger(__name__)

# Of the replies that wait for one worker, which has to connect again beyond that.
MAX_UNSENT_BYTES = 64 * 1024 * 1024


class Broker:
    """Pure logic: the server calls it, and it writes to the peers and the log behind `descriptors`.

    `clock` gives monotonic seconds. `lease_s` is how long a worker may be silent, or disconnected. `expected_workers`
    is how many workers lost the previous broker and will connect; 0 if there was none. `died_workers` died with it.
    """

    def __init__(
        self,
        events: MemberEvents,
        descriptors: LogDescriptors,
        clock: Callable[[], float],
        *,
        lease_s: float,
        expected_workers: int = 0,
        died_workers: int = 0,
        max_cached_bytes: int = MAX_BYTES_PER_APP,
    ) -> None:
        self.epoch = secrets.token_hex(8)
        self.invalid_messages = 0
        self.late_messages = 0  # on connections that are over for the broker
        self._clock = clock
        self._lease_s = lease_s
        self._ledger = Ledger()
        self._cache = EventCache(clock, max_cached_bytes)
        self.log = HubLog(descriptors, self.epoch, self._cache, clock)
        self._answers = QuestionAnswers(self._ledger, self._cache, self.log.history)
        self._peers = ConnectedPeers()
        self.facts = FactDesk(self.epoch)
        self._fact_maker = FactMaker(self.facts.wanted, events, self.facts.put, self.log.append_own, clock)
        self._membership = Membership(self._ledger, self._cache, self.log, events, self._fact_maker)
        self.steps = StepQueue()
        self._absent = AbsentWorkers(self._ledger, self._peers, clock, lease_s)
        self._surveys = OpenSurveys()
        ends_at = clock() + lease_s
        self._takeover = Takeover(expected_workers, ends_at, died_workers) if expected_workers else None
        self._ledger.observer = self._fact_maker if self._takeover is None else None

    def receive(self, peer: Peer, bodies: Sequence[bytes]) -> None:
        """Handle messages of a worker, in the order in which they came."""
        peer.received_at = self._clock()
        if len(bodies) == 1 and not peer.is_occupied and not peer.inbox and not peer.is_choked:
            self._read(peer, bodies[0])  # nearly always
        else:
            until = time.perf_counter() + step_queue.TURN_S
            for body in bodies:
                if peer.is_occupied or peer.inbox or peer.is_choked or time.perf_counter() >= until:
                    peer.inbox.append(body)
                    peer.waiting_bytes += len(body)
                else:
                    self._read(peer, body)
            self.resume(peer)
        if self.steps:
            self.steps.go_on()
        self._fact_maker.settle()
        self.facts.flush()

    def resume(self, peer: Peer) -> None:
        """Go on with the messages in the peer's inbox, if anything can be done about them."""
        if peer.inbox and not peer.is_queued:
            peer.is_queued = True
            self.steps.append(self._work_off(peer))

    def _work_off(self, peer: Peer) -> Iterator[None]:
        while peer.inbox and not peer.is_occupied and not peer.is_choked:
            body = peer.inbox.popleft()
            peer.waiting_bytes -= len(body)
            self._read(peer, body)
            yield
        peer.is_queued = False

    def _read(self, peer: Peer, body: bytes) -> None:
        try:
            message = m.read_from_worker(body)
        except (msgspec.MsgspecError, RecursionError):
            self.invalid_messages += 1
            return
        self._dispatch(peer, message, len(body))

    def disconnected(self, peer: Peer) -> None:
        """A worker's connection has ended: its lease begins."""
        if peer.node and self._peers.get(peer.node) is peer:
            del self._peers[peer.node]
            self._absent.add(peer)
        self.facts.disconnected(peer)
        self._end_peer(peer)
        self._entrust()

    def tick(self) -> None:
        """End leases and forget old events. To be called a few times a second."""
        now = self._clock()
        for peer in tuple(self._peers.values()):
            if peer.is_full:  # the server does not read from it, and it has to know that this broker is alive
                peer.send(m.HeartbeatReply())
                if not peer.is_choked:  # else it is the worker that does not read
                    peer.received_at = now
            if peer.received_at + self._lease_s <= now or peer.unsent_bytes > MAX_UNSENT_BYTES:
                what = {"node": peer.node, "waiting_bytes": peer.unsent_bytes}
                _log.warning("worker says nothing, or takes nothing: its connection is closed", extra=what)
                peer.close()
                self.disconnected(peer)
        for node in self._absent.ended():
            _log.warning("worker did not come back, its members are removed", extra={"node": node})
            self._bury(node)
        if self._takeover is not None and now >= self._takeover.deadline:
            self._finish_takeover()
        self.log.read()
        self._cache.expire()
        self.log.history.expire()
        self._entrust()
        self.steps.go_on()
        self._fact_maker.tick()
        self._fact_maker.settle()
        self.facts.flush()

    @property
    def workers(self) -> int:
        """How many workers are connected."""
        return len(self._peers)

    @property
    def cache_dropped(self) -> int:
        """How many last events of cache channels there was no room for."""
        return self._cache.dropped_total

    # A worker connects.

    def _dispatch(self, peer: Peer, message: m.FromWorker, size_bytes: int) -> None:
        if peer.is_over:
            self.late_messages += 1
        elif not peer.node:
            self._greet(peer, message, size_bytes)
        elif isinstance(message, m.HeartbeatRequest):
            peer.send(m.HeartbeatReply())
        elif isinstance(message, m.MuchAppended):
            self.log.read()
        elif self._takeover is not None:
            self._takeover.postpone(peer, message, size_bytes)
        else:
            self._handle(peer, message)

    def _greet(self, peer: Peer, message: m.FromWorker, size_bytes: int) -> None:
        report = peer.report
        match message:
            case m.StatePart():
                report.bytes += size_bytes
                if report.bytes > MAX_REPORT_BYTES:
                    _log.error(
                        "worker reports too much, its connection is closed", extra={"bytes": report.bytes}
                    )
                    self._end_peer(peer)
                    peer.close()
                    return
                report.add(message)
                self._membership.keep_cached(message.cached)
            case m.Hello():
                report.add(message)
                self._membership.keep_cached(message.cached)
                self._connect(peer, message)
                self.steps.append(self._apply_report(peer, message))
            case _:
                self.invalid_messages += 1

    def _connect(self, peer: Peer, hello: m.Hello) -> None:
        node = peer.node = hello.node
        replaced = self._peers.get(node)
        if replaced is not None:
            # The worker has given up that connection. What is still on its way on it is older than this report.
            _log.warning("worker has another connection, the old one is closed", extra={"node": node})
            self._end_peer(replaced)
            replaced.close()
        self._absent.came_back(node)
        self.facts.greeted(hello)
        self._peers[node], peer.token = peer, hello.token
        peer.is_occupied = True

    def _apply_report(self, peer: Peer, hello: m.Hello) -> Iterator[None]:
        report, is_known = peer.report, hello.epoch == self.epoch
        announce = self._takeover is None
        if self._takeover is not None:
            yield from self._takeover.add_channels(report.channels.values(), hello.closed, self.facts.wanted)
        yield from self._membership.apply(peer, report, is_known=is_known, announce=announce)
        if peer.is_over:
            return
        self._ledger.replace_connections(peer.node, hello.connections)
        if not is_known:  # else they were in this broker's ledger, and have been announced just now
            yield from self._absent.inherit(report.entrusted)
            departed = ((peer, each) for each in report.departed)
            if self._takeover is not None:
                self._takeover.departed += departed
            else:
                yield from self._membership.announce_departed(departed)
        peer.report = NodeReport()
        peer.send(m.Welcome(self.epoch, 0))
        peer.is_occupied = False
        self.resume(peer)
        self._entrust()
        if self._takeover is not None:
            if hello.epoch and not is_known:  # one that had no broker before is none of those expected
                self._takeover.add_report(peer.node)
            if self._takeover.has_all_reports:
                self._finish_takeover()

    def _finish_takeover(self) -> None:
        takeover = self._takeover
        if takeover is not None and not takeover.is_finishing:
            takeover.is_finishing = True
            self.steps.append(self._take_over(takeover))

    def _take_over(self, takeover: Takeover) -> Iterator[None]:
        self._ledger.observer = self._fact_maker
        yield from self._membership.announce_departed(takeover.departed)
        yield from takeover.tell_changes(self._ledger, self._fact_maker)
        self._absent.tell_unknown(takeover.unaccounted_workers)
        for peer, other in takeover.pop_postponed():
            if not peer.is_over:
                self._handle(peer, other)
            yield
        self._takeover = None

    # What a worker asks for.

    def _handle(self, peer: Peer, message: m.FromWorker) -> None:
        node, ledger = peer.node, self._ledger
        match message:
            case m.Enter():
                self._membership.enter(peer, message)
            case m.SubscriberCount(app_id, channel, count):
                ledger.set_count(node, app_id, channel, count)
            case m.Leave(app_id, channel, count, member, change):
                self._membership.leave(peer, app_id, channel, member.user_id, change)
                ledger.set_count(node, app_id, channel, count)
            case m.Unsubscribe():
                pass  # its counts have been told
            case m.ConnectionCount(app_id, change, _):
                ledger.add_connections(node, app_id, change)
            case m.QueryChannels():
                peer.is_occupied = True
                self.steps.append(self._answer_channels(peer, message))
            case m.Admit() | m.QueryStates() | m.QueryMembers() | m.QueryConnections():
                self.log.read()
                self._reply(peer, message.id, self._answers.answer(node, message))
            case m.QueryHistory() | m.ForgetHistory():
                self.log.read()
                self._reply(peer, message.id, self._answers.answer(node, message))
            case m.StartSurvey(id, question):
                self._reply(peer, id, len(self._peers))
                self._peers.send_to_all(m.SurveyQuestion(self._surveys.open(peer, id), question))
            case m.SurveyReply(number, answer):
                asker = self._surveys.asker(number)
                if asker is not None:
                    asker[0].send(m.SurveyResult(asker[1], answer))
            case m.RecordFact(number, fact):
                self.facts.record(node, number, fact)
                peer.send(m.Accepted([number], m.RECORDED_FACTS))
            case m.FactsDone(id, ids):
                self.facts.done(ids)
                self._reply(peer, id, True)
            case m.KeepForSender(id, name, value):
                self.facts.keep(name, value)
                if id:
                    self._reply(peer, id, True)
            case m.FactsHeld(facts):
                self.facts.held(peer, facts)
            case m.FactsReady(is_sending):
                self.facts.ready(peer, is_sending=is_sending)
            case m.FactsWanted(app_id, wanted):
                self.facts.wanted[app_id] = wanted
            case m.FactsLeave(id):
                self.facts.leave(node, lambda is_last: self._reply(peer, id, is_last))
            case m.Goodbye():
                self.facts.gone(node)
                del self._peers[node]
                self._end_peer(peer)
                self._bury(node)
            case _:
                self.invalid_messages += 1

    def _bury(self, node: str) -> None:
        self._absent.buried(node)
        self.facts.gone(node)
        self.steps.append(self._bury_in_steps(node))

    def _bury_in_steps(self, node: str) -> Iterator[None]:
        yield from self._membership.bury(node)
        self._peers.send_to_all(m.NodeGone(node))

    def _entrust(self) -> None:
        if not self._absent.all_are_kept:
            self.steps.append(self._absent.entrust())

    def _end_peer(self, peer: Peer) -> None:
        self._absent.disconnected(peer)
        peer.end()
        self._surveys.close_all_of(peer)

    def _answer_channels(self, peer: Peer, question: m.QueryChannels) -> Iterator[None]:
        self.log.read()
        self._reply(peer, question.id, (yield from self._answers.channels(question)))
        peer.is_occupied = False
        self.resume(peer)

    def _reply(self, peer: Peer, id: int, value: object) -> None:
        peer.send(m.QueryReply(id, msgspec.Raw(m.encode(value))))
