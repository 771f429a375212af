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
from collections.abc import Callable, Iterable

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.event_router import EventRouter
from revurb.bus.hub.framing import encode_frame
from revurb.bus.hub.open_surveys import OpenSurveys
from revurb.bus.hub.peer import Peer
from revurb.bus.hub.question_answers import QuestionAnswers
from revurb.bus.hub.takeover import Takeover
from revurb.bus.ledger import Ledger
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import PublishedEvent

_log = logging.getLogger(__name__)


class Broker:
    """Pure logic: the server calls it, and it writes to the peers.

    `clock` gives monotonic seconds. `lease_s` is how long a worker may be silent, or disconnected. `expected_workers`
    is how many workers lost the previous broker and will connect; 0 if there was none.
    """

    def __init__(
        self,
        events: MemberEvents,
        clock: Callable[[], float],
        *,
        lease_s: float,
        expected_workers: int = 0,
        log: EventLog | None = None,
    ) -> None:
        self.epoch = secrets.token_hex(8)
        self.invalid_messages = 0
        self.late_messages = 0  # on connections that are over for the broker
        self._events = events
        self._clock = clock
        self._lease_s = lease_s
        self._ledger = Ledger()
        self._cache = EventCache(clock)
        self._answers = QuestionAnswers(self._ledger, self._cache)
        self._log = log if log is not None else EventLog(clock)
        self.router = EventRouter(self._log)
        self._routes = self.router.routes
        self._peers = self.router.peers
        self._leases: dict[str, float] = {}  # node that is disconnected -> when its lease ends
        self._surveys = OpenSurveys()
        self._newest_seqs: dict[str, int] = {}  # node -> the number of its newest event
        # Node, partition -> the number of its newest member event.
        self._newest_changes: dict[tuple[str, int], int] = {}
        self._takeover: Takeover | None = None
        if expected_workers:
            self._takeover = Takeover(expected_workers, clock() + lease_s)

    def receive(self, peer: Peer, bodies: Iterable[bytes]) -> None:
        """Handle messages of a worker, in the order in which they came."""
        peer.received_at = self._clock()
        for body in bodies:
            try:
                message = m.read_from_worker(body)
            except (msgspec.MsgspecError, RecursionError):
                self.invalid_messages += 1
                continue
            self._dispatch(peer, message)

    def disconnected(self, peer: Peer) -> None:
        """A worker's connection has ended: its lease begins."""
        if peer.node and self._peers.get(peer.node) is peer:
            del self._peers[peer.node]
            self._routes.remove_node(peer.node)
            self._leases[peer.node] = self._clock() + self._lease_s
            self.router.absent[peer.node] = self.router.disconnected(peer)
        self._end_peer(peer)
        self.router.settle()

    def tick(self) -> None:
        """End leases and forget old events. To be called a few times a second."""
        now = self._clock()
        for peer in tuple(self._peers.values()):
            if peer.received_at + self._lease_s <= now:
                _log.warning("worker says nothing, its connection is closed", extra={"node": peer.node})
                peer.close()
                self.disconnected(peer)
        for node in [node for node, ends_at in self._leases.items() if ends_at <= now]:
            _log.warning("worker did not come back, its members are removed", extra={"node": node})
            self._remove_node(node)
        if self._takeover is not None and now >= self._takeover.deadline:
            self._finish_takeover(self._takeover)
        self._log.expire()
        self._cache.expire()
        self.router.settle()

    @property
    def workers(self) -> int:
        """How many workers are connected."""
        return len(self._peers)

    # A worker connects.

    def _dispatch(self, peer: Peer, message: m.FromWorker) -> None:
        if peer.is_over:
            self.late_messages += 1
        elif isinstance(message, m.Hello) and not peer.node:
            self._on_hello(peer, message)
        elif not peer.node:
            self.invalid_messages += 1
        elif isinstance(message, m.HeartbeatRequest):
            peer.write(encode_frame(m.HeartbeatReply(self._log.position)))
        elif self._takeover is not None:
            self._takeover.postpone(peer, message)
        else:
            self._handle(peer, message)

    def _on_hello(self, peer: Peer, hello: m.Hello) -> None:
        node = peer.node = hello.node
        replaced = self._peers.get(node)
        if replaced is not None:
            # The worker has given up that connection. What is still on its way on it is older than this report.
            _log.warning("worker has another connection, the old one is closed", extra={"node": node})
            self._end_peer(replaced)
            replaced.close()
        self._end_lease(node)
        self._routes.remove_node(node)
        self._peers[node] = peer
        seen = hello.position if hello.epoch == self.epoch else 0
        # A worker that has had no broker before has nothing to catch up with.
        missed = self._log.missed(seen) if hello.epoch else 0
        peer.write(encode_frame(m.Welcome(self.epoch, self._log.position, missed)))
        position = seen + missed if hello.epoch else self._log.position
        for report in hello.channels:
            self._routes.add(node, (report.app_id, report.channel), peer, position)
        if position < self._log.position:
            self.router.start_backlog(peer, position, position)
        self._apply_report(peer, hello)
        if hello.epoch != self.epoch:
            # Otherwise they were in this broker's ledger, and `_apply_report` has announced them.
            if self._takeover is not None:
                self._takeover.departed += ((peer, departed) for departed in hello.departed)
            else:
                self._announce_departed((peer, departed) for departed in hello.departed)
        if self._takeover is not None:
            if hello.epoch:  # a worker that has had no broker is not one of those that are expected
                self._takeover.add_report(node)
            if self._takeover.has_all_reports:
                self._finish_takeover(self._takeover)

    def _apply_report(self, peer: Peer, hello: m.Hello) -> None:
        """Make the node's part of the ledger what it reports, and announce the differences."""
        node, ledger, announce = peer.node, self._ledger, self._takeover is None
        reported = {
            (report.app_id, report.channel, member.user_id)
            for report in hello.channels
            for member in report.members
        }
        departed = {(each.app_id, each.channel, each.member.user_id): each.change for each in hello.departed}
        for key in ledger.members_of_node(node):
            if key not in reported:
                self._leave(peer, *key, departed.pop(key, 0))
        if hello.epoch == self.epoch:
            for change in filter(None, departed.values()):  # they were handled before the connection broke
                peer.write(encode_frame(m.Accepted([change], m.REMOVED_MEMBERS)))
        for report in hello.channels:
            for member in report.members:
                if ledger.join(node, report.app_id, report.channel, member) and announce:
                    added = self._events.added(report.channel, member)
                    self._announce(report.app_id, report.channel, added)
            ledger.set_count(node, report.app_id, report.channel, report.count)
        ledger.clear_counts_except(node, [(report.app_id, report.channel) for report in hello.channels])
        ledger.replace_connections(node, hello.connections)
        for event in hello.cached:
            cached = self._cache.get(event.app_id, event.channel)
            if cached is None or cached.ttl_s < event.ttl_s:  # the event that lasts longer was sent later
                self._cache.put(event.app_id, event.channel, event.text, event.ttl_s)

    def _finish_takeover(self, takeover: Takeover) -> None:
        self._takeover = None
        for peer, message in takeover.pop_held():
            if self._peers.get(peer.node) is peer:
                self._publish(peer, message)
        self._announce_departed(takeover.departed)
        for peer, other in takeover.pop_postponed():
            if self._peers.get(peer.node) is peer:
                self._handle(peer, other)

    def _announce_departed(self, departed: Iterable[tuple[Peer, m.DepartedMember]]) -> None:
        """Announce members that left while there was no broker, unless another worker still has them."""
        announced: set[tuple[str, str, str]] = set()
        for peer, each in departed:
            app_id, channel, member = each.app_id, each.channel, each.member
            key = (app_id, channel, member.user_id)
            if key not in announced and not self._ledger.has_member(*key):
                announced.add(key)
                removed = self._events.removed(channel, member)
                self._announce(app_id, channel, removed, peer, m.REMOVED_MEMBERS, each.change)
            elif each.change:
                peer.write(encode_frame(m.Accepted([each.change], m.REMOVED_MEMBERS)))

    # What a worker asks for.

    def _handle(self, peer: Peer, message: m.FromWorker) -> None:
        node, ledger = peer.node, self._ledger
        match message:
            case m.Publish():
                self._publish(peer, message)
            case m.Enter():
                self._enter(peer, message)
            case m.SubscriberCount(app_id, channel, count):
                ledger.set_count(node, app_id, channel, count)
            case m.Leave(app_id, channel, count, member, change):
                self._leave(peer, app_id, channel, member.user_id, change)
                ledger.set_count(node, app_id, channel, count)
            case m.Unsubscribe(app_id, channel):
                self._routes.remove(node, (app_id, channel))
            case m.ConnectionCount(app_id, change, _):
                ledger.add_connections(node, app_id, change)
            case m.Admit() | m.QueryChannels() | m.QueryStates() | m.QueryMembers() | m.QueryConnections():
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
                self._remove_node(node)
            case _:
                self.invalid_messages += 1

    def _publish(self, peer: Peer, message: m.Publish) -> None:
        if message.partition:
            self._publish_change(peer, message)
            return
        newest = self._newest_seqs.get(peer.node, 0)
        if message.seq > newest:  # else it came before the connection broke, and only its `Accepted` was lost
            self._newest_seqs[peer.node] = message.seq
            if message.cache_ttl_s:
                self._cache.put(message.app_id, message.channel, message.text, message.cache_ttl_s)
            self.router.send(peer.node, message.seq, message)
        self.router.confirm(peer, message.seq)

    def _publish_change(self, peer: Peer, message: m.Publish) -> None:
        """Announce a member event that an earlier broker has announced, and held."""
        partition, seq = message.partition, message.seq
        if seq > self._newest_changes.get((peer.node, partition), 0):
            self._announce(message.app_id, message.channel, message.text, peer, partition, seq)
        else:
            self.router.confirm_change(peer, partition, seq)

    def _enter(self, peer: Peer, enter: m.Enter) -> None:
        node, app_id, channel, member = peer.node, enter.app_id, enter.channel, enter.member
        self._routes.add(node, (app_id, channel), peer, self._log.position)
        self._ledger.set_count(node, app_id, channel, enter.count)
        if member is not None:
            if self._ledger.join(node, app_id, channel, member):
                self._announce(app_id, channel, enter.added, peer, m.ADDED_MEMBERS, enter.change)
            elif enter.change:
                peer.write(encode_frame(m.Accepted([enter.change], m.ADDED_MEMBERS)))
        members = self._ledger.members(app_id, channel) if enter.want_members else []
        cached = self._cache.get(app_id, channel) if enter.want_cached else None
        peer.write(encode_frame(m.EnterReply(enter.id, members, None if cached is None else cached.text)))

    def _leave(self, peer: Peer, app_id: str, channel: str, user_id: str, change: int) -> None:
        gone = self._ledger.leave(peer.node, app_id, channel, user_id)
        if gone is not None:
            removed = self._events.removed(channel, gone)
            self._announce(app_id, channel, removed, peer, m.REMOVED_MEMBERS, change)
        elif change:
            peer.write(encode_frame(m.Accepted([change], m.REMOVED_MEMBERS)))

    def _announce(
        self,
        app_id: str,
        channel: str,
        text: bytes,
        peer: Peer | None = None,
        partition: int = 0,
        change: int = 0,
    ) -> None:
        """Send a member event. `peer` has caused it, and knows it by the number `change`, unless that is 0."""
        event = PublishedEvent(app_id, channel, text)
        if peer is None or not change:
            self.router.send("", 0, event)
            return
        self._newest_changes[peer.node, partition] = change
        self.router.send(peer.node, change, event, partition=partition)
        self.router.confirm_change(peer, partition, change)

    def _remove_node(self, node: str) -> None:
        """Remove everything that a node held, and tell the other workers that it is gone."""
        self._end_lease(node)
        self._routes.remove_node(node)
        for app_id, channel, user_id in self._ledger.members_of_node(node):
            gone = self._ledger.leave(node, app_id, channel, user_id)
            if gone is not None:
                self._announce(app_id, channel, self._events.removed(channel, gone))
        self._ledger.clear_counts_except(node, ())
        self._ledger.replace_connections(node, {})
        self._newest_seqs.pop(node, None)
        for partition in (m.ADDED_MEMBERS, m.REMOVED_MEMBERS):
            self._newest_changes.pop((node, partition), None)
        self.router.send_to_all(m.NodeGone(node))

    def _end_peer(self, peer: Peer) -> None:
        peer.is_over = True
        self.router.disconnected(peer)
        self._surveys.close_all_of(peer)

    def _end_lease(self, node: str) -> None:
        self._leases.pop(node, None)
        self.router.absent.pop(node, None)

    def _reply(self, peer: Peer, id: int, value: object) -> None:
        peer.write(encode_frame(m.QueryReply(id, msgspec.Raw(m.encode(value)))))
