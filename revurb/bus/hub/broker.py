"""The broker: puts the events of all workers in one order, sends each to the workers that need it, keeps the ledger.

Rule 1: a worker reports its state in absolute terms, so repeating a report changes nothing. A worker that was cut off,
or that meets a new broker, reports everything once (`Hello`) and is up to date.
Rule 2: a worker that is cut off has one lease to come back. After that its state is removed and the others are told.
Rule 3: a broker that replaces one that died first collects the workers' reports (`Takeover`).
Rule 4: nothing that a worker sends ends the broker. Invalid messages are counted and dropped.
Rule 5: an event is confirmed when no worker's share of it is in the broker's memory alone. Until then its publisher
keeps it, and goes on.
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
from revurb.bus.hub.absent_workers import AbsentWorkers
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.event_router import EventRouter
from revurb.bus.hub.framing import encode_frame
from revurb.bus.hub.membership import Membership
from revurb.bus.hub.open_surveys import OpenSurveys
from revurb.bus.hub.peer import Peer
from revurb.bus.hub.question_answers import QuestionAnswers
from revurb.bus.hub.takeover import Takeover
from revurb.bus.ledger import Ledger
from revurb.bus.member_events import MemberEvents
from revurb.bus.step_queue import StepQueue

_log = logging.getLogger(__name__)

# Of the replies that wait for one worker, which has to connect again beyond that.
MAX_BACKLOG_BYTES = 64 * 1024 * 1024


class Broker:
    """Pure logic: the server calls it, and it writes to the peers.

    `clock` gives monotonic seconds. `lease_s` is how long a worker may be silent, or disconnected. `expected_workers`
    is how many workers lost the previous broker and will connect; 0 if there was none. `died_workers` died with it.
    """

    def __init__(
        self,
        events: MemberEvents,
        clock: Callable[[], float],
        *,
        lease_s: float,
        expected_workers: int = 0,
        died_workers: int = 0,
        log: EventLog | None = None,
        max_cached_bytes: int = MAX_BYTES_PER_APP,
    ) -> None:
        self.epoch = secrets.token_hex(8)
        self.invalid_messages = 0
        self.late_messages = 0  # on connections that are over for the broker
        self._clock = clock
        self._lease_s = lease_s
        self._ledger = Ledger()
        self._cache = EventCache(clock, max_cached_bytes)
        self._answers = QuestionAnswers(self._ledger, self._cache)
        self._log = log if log is not None else EventLog(clock)
        self.router = EventRouter(self._log, self.epoch)
        self._peers = self.router.peers
        self._membership = Membership(self._ledger, self._cache, self.router, events)
        self.steps = StepQueue()
        self._absent = AbsentWorkers(self._ledger, self.router, clock, lease_s)
        self._surveys = OpenSurveys()
        self._newest_seqs: dict[str, int] = {}  # node -> the number of its newest event
        ends_at = clock() + lease_s
        self._takeover = Takeover(expected_workers, ends_at, died_workers) if expected_workers else None

    def receive(self, peer: Peer, bodies: Sequence[bytes]) -> None:
        """Handle messages of a worker, in the order in which they came."""
        peer.received_at = self._clock()
        if len(bodies) == 1 and not peer.is_occupied and not peer.inbox and peer.backlog is None:
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
        if type(message) is m.Publish and peer.node and not peer.is_over and self._takeover is None:
            self._publish(peer, message)
        else:
            self._dispatch(peer, message, len(body))

    def disconnected(self, peer: Peer) -> None:
        """A worker's connection has ended: its lease begins."""
        if peer.node and self._peers.get(peer.node) is peer:
            del self._peers[peer.node]
            self._absent.add(peer)
        self._end_peer(peer)
        self._entrust()
        self.router.settle()

    def tick(self) -> None:
        """End leases and forget old events. To be called a few times a second."""
        now = self._clock()
        for peer in tuple(self._peers.values()):
            backlog = peer.backlog
            if peer.is_full:  # the server does not read from it, and it has to know that this broker is alive
                peer.write(encode_frame(m.HeartbeatReply(self._log.position)))
                if backlog is None:  # else it is the worker that does not read
                    peer.received_at = now
            waiting_bytes = 0 if backlog is None else backlog.bytes
            if peer.received_at + self._lease_s <= now or waiting_bytes > MAX_BACKLOG_BYTES:
                what = {"node": peer.node, "waiting_bytes": waiting_bytes}
                _log.warning("worker says nothing, or takes nothing: its connection is closed", extra=what)
                peer.close()
                self.disconnected(peer)
        for node in self._absent.ended():
            _log.warning("worker did not come back, its members are removed", extra={"node": node})
            self._bury(node)
        if self._takeover is not None and now >= self._takeover.deadline:
            self._finish_takeover()
        self._log.expire()
        self._cache.expire()
        self._entrust()
        self.router.settle()
        self.steps.go_on()

    @property
    def workers(self) -> int:
        """How many workers are connected."""
        return len(self._peers)

    # A worker connects.

    def _dispatch(self, peer: Peer, message: m.FromWorker, size_bytes: int) -> None:
        if peer.is_over:
            self.late_messages += 1
        elif not peer.node:
            self._greet(peer, message, size_bytes)
        elif isinstance(message, m.HeartbeatRequest):
            peer.write(encode_frame(m.HeartbeatReply(self._log.position)))
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
        self._peers[node], peer.had = peer, (hello.epoch, hello.position)
        peer.is_greeting = peer.is_occupied = True
        # From here on the log keeps what it is to get. A worker that has had no broker has nothing to catch up with.
        position = self._log.position
        if hello.epoch:
            position = hello.position if hello.epoch == self.epoch else 0
        self.router.start_backlog(peer, position, position)

    def _apply_report(self, peer: Peer, hello: m.Hello) -> Iterator[None]:
        report, backlog, is_known = peer.report, peer.backlog, hello.epoch == self.epoch
        assert backlog is not None
        routes = self.router.routes
        for key in report.channels:
            routes.add(peer.node, key, peer, backlog.position)
            yield
        for key in tuple(routes.topics(peer.node)):
            if key not in report.channels:
                routes.remove(peer.node, key)
            yield
        announce = self._takeover is None
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
        for held in report.held:
            if self._takeover is None:
                self._publish(peer, held)
            else:
                self._takeover.hold(peer, held)
            yield
        peer.report = NodeReport()
        missed = self._log.missed(backlog.position) if hello.epoch else 0
        backlog.position += missed
        peer.write_now(encode_frame(m.Welcome(self.epoch, backlog.position, missed)))
        peer.is_greeting = peer.is_occupied = False
        self.resume(peer)
        if backlog.is_empty:
            self.router.took_all(peer)
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
        for peer, message in takeover.pop_held():
            # Also if the worker has died meanwhile, or if it has sent it once more.
            self._publish(peer, message)
            yield
        yield from self._membership.announce_departed(takeover.departed)
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
            case m.Publish():
                self._publish(peer, message)
            case m.Enter():
                self._membership.enter(peer, message)
            case m.SubscriberCount(app_id, channel, count):
                ledger.set_count(node, app_id, channel, count)
            case m.Leave(app_id, channel, count, member, change):
                self._membership.leave(peer, app_id, channel, member.user_id, change)
                ledger.set_count(node, app_id, channel, count)
            case m.Unsubscribe(app_id, channel):
                self.router.routes.remove(node, (app_id, channel))
            case m.ConnectionCount(app_id, change, _):
                ledger.add_connections(node, app_id, change)
            case m.QueryChannels():
                peer.is_occupied = True
                self.steps.append(self._answer_channels(peer, message))
            case m.Admit() | m.QueryStates() | m.QueryMembers() | m.QueryConnections():
                self._reply(peer, message.id, self._answers.answer(node, message))
            case m.StartSurvey(id, question):
                self._reply(peer, id, len(self._peers))
                self.router.send_to_all(m.SurveyQuestion(self._surveys.open(peer, id), question))
            case m.SurveyReply(number, answer):
                asker = self._surveys.asker(number)
                if asker is not None:
                    asker[0].write(encode_frame(m.SurveyResult(asker[1], answer)))
            case m.Goodbye():
                del self._peers[node]
                self._end_peer(peer)
                self._bury(node)
            case _:
                self.invalid_messages += 1

    def _publish(self, peer: Peer, message: m.Publish) -> None:
        if message.partition:
            self._membership.announce_again(peer, message)
            return
        newest = self._newest_seqs.get(peer.node, 0)
        if message.seq > newest:  # else it came before the connection broke, and only its `Accepted` was lost
            self._newest_seqs[peer.node] = message.seq
            if message.cache_ttl_s:
                self._cache.put(message.app_id, message.channel, message.text, message.cache_ttl_s)
            self.router.send(peer.node, message.seq, message)
        self.router.confirm(peer, message.seq)

    def _bury(self, node: str) -> None:
        self._absent.buried(node)
        self._newest_seqs.pop(node, None)
        self.steps.append(self._membership.bury(node))

    def _entrust(self) -> None:
        if not self._absent.all_are_kept:
            self.steps.append(self._absent.entrust())

    def _end_peer(self, peer: Peer) -> None:
        self.router.disconnected(peer)
        self._absent.disconnected(peer)
        peer.end()
        self._surveys.close_all_of(peer)

    def _answer_channels(self, peer: Peer, question: m.QueryChannels) -> Iterator[None]:
        self._reply(peer, question.id, (yield from self._answers.channels(question)))
        peer.is_occupied = False
        self.resume(peer)

    def _reply(self, peer: Peer, id: int, value: object) -> None:
        peer.write(encode_frame(m.QueryReply(id, msgspec.Raw(m.encode(value)))))
