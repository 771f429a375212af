"""The broker: puts the events of all workers in one order, sends each to the workers that need it, keeps the ledger.

Rule 1: a worker reports its state in absolute terms, so repeating a report changes nothing. A worker that was cut off,
or that meets a new broker, reports everything once (`Hello`) and is up to date.
Rule 2: a worker that is cut off has one lease to come back. After that its state is removed and the others are told.
Rule 3: a broker that replaces one that died first collects the workers' reports (`Takeover`).
Rule 4: nothing that a worker sends ends the broker. Invalid messages are counted and dropped.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.framing import encode_frame
from revurb.bus.hub.peer import Peer
from revurb.bus.hub.takeover import Takeover
from revurb.bus.hub.topic_routes import TopicRoutes
from revurb.bus.ledger import Ledger
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import ChannelState, DeliverableEvent, PublishedEvent

_log = logging.getLogger(__name__)

# Open at a time; beyond that the oldest is dropped. The worker that asked has a deadline of its own.
_MAX_SURVEYS = 1000


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
        self.unacknowledged: list[Peer] = []  # the peers with events that `acknowledge` has to confirm
        self._events = events
        self._clock = clock
        self._lease_s = lease_s
        self._ledger = Ledger()
        self._cache = EventCache(clock)
        self._log = log if log is not None else EventLog(clock)
        self._peers: dict[str, Peer] = {}
        self._routes = TopicRoutes()
        self._receivers = self._routes.receivers
        self._leases: dict[str, float] = {}  # node that is disconnected -> when its lease ends
        self._surveys: dict[int, tuple[Peer, int]] = {}  # number -> its asker, the asker's id for it
        self._survey_number = 0
        self._newest_seqs: dict[str, int] = {}  # node -> the number of its newest event
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

    def acknowledge(self) -> None:
        """Confirm to the publishers (`unacknowledged`) the events that are ordered.

        To be called when these events have left this process. So a broker that is killed loses nothing: what it has not
        confirmed is published again, to its successor.
        """
        for peer in self.unacknowledged:
            peer.writer.write(encode_frame(m.Accepted(peer.unacknowledged)))
            peer.unacknowledged = []
        self.unacknowledged.clear()

    def disconnected(self, peer: Peer) -> None:
        """A worker's connection has ended: its lease begins."""
        if peer.node and self._peers.get(peer.node) is peer:
            del self._peers[peer.node]
            self._routes.remove_node(peer.node)
            self._leases[peer.node] = self._clock() + self._lease_s
        for number, (asker, _) in tuple(self._surveys.items()):
            if asker is peer:
                del self._surveys[number]

    def tick(self) -> None:
        """End leases and forget old events. To be called a few times a second."""
        now = self._clock()
        for peer in tuple(self._peers.values()):
            if peer.received_at + self._lease_s <= now:
                _log.warning("worker says nothing, its connection is closed", extra={"node": peer.node})
                peer.writer.close()
                self.disconnected(peer)
        for node in [node for node, until in self._leases.items() if until <= now]:
            _log.warning("worker did not come back, its members are removed", extra={"node": node})
            self._remove_node(node)
        if self._takeover is not None and now >= self._takeover.deadline:
            self._finish_takeover(self._takeover)
        self._log.expire()
        self._cache.expire()

    @property
    def workers(self) -> int:
        """How many workers are connected."""
        return len(self._peers)

    def _dispatch(self, peer: Peer, message: m.FromWorker) -> None:
        if isinstance(message, m.Hello):
            self._on_hello(peer, message)
        elif not peer.node:
            self.invalid_messages += 1
        elif isinstance(message, m.HeartbeatRequest):
            peer.writer.write(encode_frame(m.HeartbeatReply(self._log.position)))
        elif self._takeover is not None:
            self._takeover.postpone(peer, message)
        else:
            self._handle(peer, message)

    # A worker connects.

    def _on_hello(self, peer: Peer, hello: m.Hello) -> None:
        node = peer.node = hello.node
        self._leases.pop(node, None)
        self._routes.remove_node(node)
        self._peers[node] = peer
        seen = hello.position if hello.epoch == self.epoch else 0
        # A worker that has had no broker before has nothing to catch up with.
        missed = self._log.missed(seen) if hello.epoch else 0
        peer.writer.write(encode_frame(m.Welcome(self.epoch, self._log.position, missed)))
        topics = {(report.app_id, report.channel) for report in hello.channels}
        for key in topics:
            self._routes.add(node, key, peer)
        if hello.epoch:
            for key, data in self._log.since(seen):
                if key in topics or key[1] == m.TERMINATIONS:
                    peer.writer.write(data)
        self._apply_report(node, hello)
        if hello.epoch != self.epoch:
            # Otherwise they were in this broker's ledger, and `_apply_report` has announced them.
            if self._takeover is not None:
                self._takeover.departed += hello.departed
            else:
                self._announce_departed(hello.departed)
        if self._takeover is not None:
            if hello.epoch:  # a worker that has had no broker is not one of those that are expected
                self._takeover.add_report(node)
            if self._takeover.has_all_reports:
                self._finish_takeover(self._takeover)

    def _apply_report(self, node: str, hello: m.Hello) -> None:
        """Make the node's part of the ledger what it reports, and announce the differences."""
        ledger, announce = self._ledger, self._takeover is None
        reported = {
            (report.app_id, report.channel, member.user_id)
            for report in hello.channels
            for member in report.members
        }
        for app_id, channel, user_id in ledger.members_of_node(node):
            if (app_id, channel, user_id) not in reported:
                self._leave(node, app_id, channel, user_id)
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
        self._announce_departed(takeover.departed)
        for peer, message in takeover.pop_postponed():
            if self._peers.get(peer.node) is peer:
                self._handle(peer, message)

    def _announce_departed(self, departed: Iterable[m.DepartedMember]) -> None:
        """Announce members that left while there was no broker, unless another worker still has them."""
        for app_id, channel, member in ((each.app_id, each.channel, each.member) for each in departed):
            if not self._ledger.has_member(app_id, channel, member.user_id):
                self._announce(app_id, channel, self._events.removed(channel, member))

    # What a worker asks for.

    def _handle(self, peer: Peer, message: m.FromWorker) -> None:
        node, ledger, writer = peer.node, self._ledger, peer.writer
        match message:
            case m.Publish():
                self._publish(peer, message)
            case m.Enter(id, app_id, channel, count, member, added, want_members, want_cached):
                self._routes.add(node, (app_id, channel), peer)
                ledger.set_count(node, app_id, channel, count)
                if member is not None and ledger.join(node, app_id, channel, member):
                    self._announce(app_id, channel, added)
                members = ledger.members(app_id, channel) if want_members else []
                cached = self._cache.get(app_id, channel) if want_cached else None
                writer.write(encode_frame(m.EnterReply(id, members, None if cached is None else cached.text)))
            case m.SubscriberCount(app_id, channel, count):
                ledger.set_count(node, app_id, channel, count)
            case m.Leave(app_id, channel, count, member):
                self._leave(node, app_id, channel, member.user_id)
                ledger.set_count(node, app_id, channel, count)
            case m.Unsubscribe(app_id, channel):
                self._routes.remove(node, (app_id, channel))
            case m.ConnectionCount(app_id, change, _):
                ledger.add_connections(node, app_id, change)
            case m.Admit(id, app_id, limit):
                granted = ledger.connections(app_id) < limit
                if granted:
                    ledger.add_connections(node, app_id, 1)
                self._reply(peer, id, granted)
            case m.QueryChannels(id, app_id, prefix):
                names = ledger.occupied_channels(app_id, prefix)
                self._reply(peer, id, {name: self._channel_state(app_id, name) for name in names})
            case m.QueryStates(id, app_id, channels):
                self._reply(peer, id, [self._channel_state(app_id, name) for name in channels])
            case m.QueryMembers(id, app_id, channel):
                self._reply(peer, id, ledger.members(app_id, channel))
            case m.QueryConnections(id, app_id):
                self._reply(peer, id, ledger.connections(app_id))
            case m.StartSurvey(id, question):
                self._start_survey(peer, id, question)
            case m.SurveyReply(number, answer):
                asker, id = self._surveys.get(number, (None, 0))
                if asker is not None:
                    asker.writer.write(encode_frame(m.SurveyResult(id, answer)))
            case m.Goodbye():
                del self._peers[node]
                self._remove_node(node)
                peer.node = ""
            case _:
                self.invalid_messages += 1

    def _publish(self, peer: Peer, message: m.Publish) -> None:
        newest = self._newest_seqs.get(peer.node, 0)
        if message.seq > newest:  # else it came before the connection broke, and only its `Accepted` was lost
            self._newest_seqs[peer.node] = message.seq
            if message.cache_ttl_s:
                self._cache.put(message.app_id, message.channel, message.text, message.cache_ttl_s)
            self._send(peer.node, message.seq, message)
        if not peer.unacknowledged:
            self.unacknowledged.append(peer)
        peer.unacknowledged.append(message.seq)

    def _announce(self, app_id: str, channel: str, text: bytes) -> None:
        """Send an event of the broker's own."""
        self._send("", 0, PublishedEvent(app_id, channel, text))

    def _send(self, node: str, seq: int, event: DeliverableEvent) -> None:
        """Give an event the next position, log it, and write it to the peers that need it."""
        self._log.position += 1
        app_id, channel = event.app_id, event.channel
        data = encode_frame(
            m.BrokerEvent(self._log.position, node, seq, app_id, channel, event.text, event.except_socket_id)
        )
        self._log.append((app_id, channel), data)
        receivers = self._peers if channel == m.TERMINATIONS else self._receivers.get((app_id, channel))
        if receivers:
            for peer in receivers.values():
                peer.writer.write(data)

    def _leave(self, node: str, app_id: str, channel: str, user_id: str) -> None:
        gone = self._ledger.leave(node, app_id, channel, user_id)
        if gone is not None:
            self._announce(app_id, channel, self._events.removed(channel, gone))

    def _remove_node(self, node: str) -> None:
        """Remove everything that a node held, and tell the other workers that it is gone."""
        self._leases.pop(node, None)
        self._routes.remove_node(node)
        for app_id, channel, user_id in self._ledger.members_of_node(node):
            self._leave(node, app_id, channel, user_id)
        self._ledger.clear_counts_except(node, ())
        self._ledger.replace_connections(node, {})
        self._newest_seqs.pop(node, None)
        gone = encode_frame(m.NodeGone(node))
        for peer in self._peers.values():
            peer.writer.write(gone)

    def _channel_state(self, app_id: str, channel: str) -> ChannelState:
        return ChannelState(*self._ledger.counts(app_id, channel), self._cache.get(app_id, channel))

    def _start_survey(self, peer: Peer, id: int, question: bytes) -> None:
        self._survey_number += 1
        if len(self._surveys) >= _MAX_SURVEYS:
            del self._surveys[next(iter(self._surveys))]
        self._surveys[self._survey_number] = (peer, id)
        self._reply(peer, id, len(self._peers))
        data = encode_frame(m.SurveyQuestion(self._survey_number, question))
        for each in self._peers.values():
            each.writer.write(data)

    def _reply(self, peer: Peer, id: int, value: object) -> None:
        peer.writer.write(encode_frame(m.QueryReply(id, msgspec.Raw(m.encode(value)))))
