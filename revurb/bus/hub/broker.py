"""The broker: puts the events of all workers in one order, sends each to whom it concerns, keeps the ledger.

Rule 1: a worker says what it holds, in absolute terms; saying it again changes nothing. So a worker that was cut off,
or that meets a new broker, says everything once (`Hello`) and is up to date.
Rule 2: a worker that is cut off has its lease to come back. After that, what it held is gone and the others are told.
Rule 3: a broker that takes over from one that died listens first: until every worker has said what it holds, or for one
lease, all else waits in line. So nobody is told that someone came or went who was there all the time.
Rule 4: whatever a worker sends, the broker lives: what makes no sense is counted and dropped.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.framing import pack
from revurb.bus.ledger import ChannelKey, Ledger
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import ChannelState

_log = logging.getLogger(__name__)


class Line(Protocol):
    """The sending side of a worker's connection."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Peer:
    """A worker's connection, from accept to end. `node` is "" until it has said who it is."""

    __slots__ = ("accepted", "heard_at", "line", "node")

    def __init__(self, line: Line, now: float) -> None:
        self.line = line
        self.heard_at = now
        self.node = ""
        self.accepted: list[int] = []  # events that have their place and have not been told so


class Broker:
    """`clock` gives monotonic seconds. `expected_workers` are those that lost the broker before; 0 takes over from
    nobody."""

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
        self.refused = 0  # messages that made no sense
        self._events = events
        self._clock = clock
        self._lease_s = lease_s
        self._ledger = Ledger()
        self._cache = EventCache(clock)
        self._log = log if log is not None else EventLog(clock)
        self._peers: dict[str, Peer] = {}
        self._routes: dict[ChannelKey, dict[str, Peer]] = {}
        self._routed: dict[str, set[ChannelKey]] = {}  # node -> its routes
        self._leases: dict[str, float] = {}  # node that is cut off -> when its lease ends
        self._surveys: dict[int, tuple[Peer, int]] = {}  # question -> who asked, under which id
        self._questions = 0
        self._marks: dict[str, int] = {}  # node -> its newest `seq`
        self.owed: list[Peer] = []  # those with `accepted`
        self._expected = expected_workers
        self._heard: set[str] = set()  # of them
        self._listening_until = clock() + lease_s if expected_workers else 0.0
        self._departed: list[m.DepartedMember] = []
        self._line: deque[tuple[Peer, m.FromWorker]] = deque()

    def receive(self, peer: Peer, bodies: Iterable[bytes]) -> None:
        """Take what has arrived from a worker, in order."""
        peer.heard_at = self._clock()
        for body in bodies:
            try:
                message = m.read_from_worker(body)
            except (msgspec.MsgspecError, RecursionError):
                self.refused += 1
                continue
            self._take(peer, message)

    def acknowledge(self) -> None:
        """Tell publishers (`owed`) of the events that have their place; to be called when these have left this process.
        A broker that is killed before has lost nothing: what was not acknowledged is published again, to the next."""
        for peer in self.owed:
            peer.line.write(pack(m.Accepted(peer.accepted)))
            peer.accepted = []
        self.owed.clear()

    def lost(self, peer: Peer) -> None:
        """The connection has ended."""
        if peer.node and self._peers.get(peer.node) is peer:
            del self._peers[peer.node]
            self._unroute(peer.node)
            self._leases[peer.node] = self._clock() + self._lease_s
        for question, (asker, _) in tuple(self._surveys.items()):
            if asker is peer:
                del self._surveys[question]

    def tick(self) -> None:
        """To be called a few times a second."""
        now = self._clock()
        for peer in tuple(self._peers.values()):
            if peer.heard_at + self._lease_s <= now:
                _log.warning("worker says nothing, its connection is closed", extra={"node": peer.node})
                peer.line.close()
                self.lost(peer)
        for node in [node for node, until in self._leases.items() if until <= now]:
            _log.warning("worker did not come back, its members are removed", extra={"node": node})
            self._forget(node)
        if self._listening_until and now >= self._listening_until:
            self._settle()
        self._log.expire()
        self._cache.expire()

    @property
    def workers(self) -> int:
        return len(self._peers)

    def _take(self, peer: Peer, message: m.FromWorker) -> None:
        if isinstance(message, m.Hello):
            self._hello(peer, message)
        elif not peer.node:
            self.refused += 1
        elif isinstance(message, m.HeartbeatRequest):
            peer.line.write(pack(m.HeartbeatReply(self._log.position)))
        elif self._listening_until:
            self._line.append((peer, message))
        else:
            self._do(peer, message)

    def _hello(self, peer: Peer, hello: m.Hello) -> None:
        node = peer.node = hello.node
        self._leases.pop(node, None)
        self._unroute(node)
        self._peers[node] = peer
        known = hello.position if hello.epoch == self.epoch else 0
        # Someone who has seen nothing of any broker has nothing to catch up with.
        missed = self._log.missed(known) if hello.epoch else 0
        peer.line.write(pack(m.Welcome(self.epoch, self._log.position, missed)))
        held = {(topic.app_id, topic.channel) for topic in hello.channels}
        for key in held:
            self._route(node, key, peer)
        if hello.epoch:
            for key, data in self._log.since(known):
                if key in held or key[1] == m.TERMINATIONS:
                    peer.line.write(data)
        self._reassert(node, hello)
        if hello.epoch != self.epoch:  # else they were in the ledger, and have been told of by now
            self._departed += hello.departed
            if not self._listening_until:
                self._tell_departed()
        if hello.epoch:  # one that has never met a broker has nothing to tell
            self._heard.add(node)
        if self._listening_until and len(self._heard) >= self._expected:
            self._settle()

    def _reassert(self, node: str, hello: m.Hello) -> None:
        """Make the ledger say what the worker says."""
        ledger, listening = self._ledger, bool(self._listening_until)
        there = {
            (topic.app_id, topic.channel, member.user_id)
            for topic in hello.channels
            for member in topic.members
        }
        for app_id, channel, user_id in ledger.users_of(node):
            if (app_id, channel, user_id) not in there:
                self._leave(node, app_id, channel, user_id)
        for topic in hello.channels:
            for member in topic.members:
                if ledger.join(node, topic.app_id, topic.channel, member) and not listening:
                    self._tell(topic.app_id, topic.channel, self._events.added(topic.channel, member))
            ledger.set_count(node, topic.app_id, topic.channel, topic.count)
        ledger.keep_counts(node, [(topic.app_id, topic.channel) for topic in hello.channels])
        ledger.keep_connections(node, hello.connections)
        for event in hello.cached:
            ours = self._cache.get(event.app_id, event.channel)
            if ours is None or ours.ttl_s < event.ttl_s:  # the one that lasts longer was sent later
                self._cache.put(event.app_id, event.channel, event.text, event.ttl_s)

    def _settle(self) -> None:
        """Everyone has been heard: do what has waited in line."""
        self._listening_until = 0.0
        self._tell_departed()
        while self._line:
            peer, message = self._line.popleft()
            if self._peers.get(peer.node) is peer:
                self._do(peer, message)

    def _tell_departed(self) -> None:
        """Tell of those who left while there was no broker, unless they are still there through another worker."""
        departed, self._departed = self._departed, []
        for app_id, channel, member in ((d.app_id, d.channel, d.member) for d in departed):
            if not self._ledger.has(app_id, channel, member.user_id):
                self._tell(app_id, channel, self._events.removed(channel, member))

    def _do(self, peer: Peer, message: m.FromWorker) -> None:
        node, ledger, line = peer.node, self._ledger, peer.line
        match message:
            case m.Publish():
                self._publish(peer, message)
            case m.Enter(id, app_id, channel, count, member, added, want_members, want_cached):
                self._route(node, (app_id, channel), peer)
                ledger.set_count(node, app_id, channel, count)
                if member is not None and ledger.join(node, app_id, channel, member):
                    self._tell(app_id, channel, added)
                members = ledger.members(app_id, channel) if want_members else []
                cached = self._cache.get(app_id, channel) if want_cached else None
                line.write(pack(m.EnterReply(id, members, None if cached is None else cached.text)))
            case m.SubscriberCount(app_id, channel, count):
                ledger.set_count(node, app_id, channel, count)
            case m.Leave(app_id, channel, count, member):
                self._leave(node, app_id, channel, member.user_id)
                ledger.set_count(node, app_id, channel, count)
            case m.Unsubscribe(app_id, channel):
                self._routes.get((app_id, channel), {}).pop(node, None)
                self._routed.get(node, set()).discard((app_id, channel))
                if not self._routes.get((app_id, channel), True):
                    del self._routes[app_id, channel]
            case m.ConnectionCount(app_id, change, _):
                ledger.connect(node, app_id, change)
            case m.Admit(id, app_id, limit):
                granted = ledger.connections(app_id) < limit
                if granted:
                    ledger.connect(node, app_id, 1)
                self._answer(peer, id, granted)
            case m.QueryChannels(id, app_id, prefix):
                self._answer(
                    peer, id, {name: self._state(app_id, name) for name in ledger.occupied(app_id, prefix)}
                )
            case m.QueryStates(id, app_id, channels):
                self._answer(peer, id, [self._state(app_id, name) for name in channels])
            case m.QueryMembers(id, app_id, channel):
                self._answer(peer, id, ledger.members(app_id, channel))
            case m.QueryConnections(id, app_id):
                self._answer(peer, id, ledger.connections(app_id))
            case m.StartSurvey(id, question):
                self._survey(peer, id, question)
            case m.SurveyReply(id, answer):
                asker, their_id = self._surveys.get(id, (None, 0))
                if asker is not None:
                    asker.line.write(pack(m.SurveyResult(their_id, answer)))
            case m.Goodbye():
                del self._peers[node]
                self._forget(node)
                peer.node = ""
            case _:
                self.refused += 1

    def _publish(self, peer: Peer, message: m.Publish) -> None:
        mark = self._marks.get(peer.node, 0)
        if message.seq > mark:  # else it came before the connection broke, and only the word of it was lost
            self._marks[peer.node] = message.seq
            app_id, channel = message.app_id, message.channel
            if message.cache_ttl_s:
                self._cache.put(app_id, channel, message.text, message.cache_ttl_s)
            self._send(peer.node, message.seq, app_id, channel, message.text, message.except_socket_id)
        if not peer.accepted:
            self.owed.append(peer)
        peer.accepted.append(message.seq)

    def _tell(self, app_id: str, channel: str, text: bytes) -> None:
        """Send an event of the broker's own."""
        self._send("", 0, app_id, channel, text, None)

    def _send(
        self, node: str, seq: int, app_id: str, channel: str, text: bytes, except_socket_id: str | None
    ) -> None:
        self._log.position += 1
        data = pack(m.BrokerEvent(self._log.position, node, seq, app_id, channel, text, except_socket_id))
        self._log.append((app_id, channel), data)
        receivers = self._peers if channel == m.TERMINATIONS else self._routes.get((app_id, channel))
        if receivers:
            for peer in receivers.values():
                peer.line.write(data)

    def _leave(self, node: str, app_id: str, channel: str, user_id: str) -> None:
        gone = self._ledger.leave(node, app_id, channel, user_id)
        if gone is not None:
            self._tell(app_id, channel, self._events.removed(channel, gone))

    def _forget(self, node: str) -> None:
        self._leases.pop(node, None)
        self._unroute(node)
        for app_id, channel, user_id in self._ledger.users_of(node):
            self._leave(node, app_id, channel, user_id)
        self._ledger.keep_counts(node, ())
        self._ledger.keep_connections(node, {})
        self._marks.pop(node, None)
        gone = pack(m.NodeGone(node))
        for peer in self._peers.values():
            peer.line.write(gone)

    def _state(self, app_id: str, channel: str) -> ChannelState:
        return ChannelState(*self._ledger.counts(app_id, channel), self._cache.get(app_id, channel))

    def _survey(self, peer: Peer, id: int, question: bytes) -> None:
        self._questions += 1
        if len(self._surveys) >= _MAX_SURVEYS:
            del self._surveys[next(iter(self._surveys))]
        self._surveys[self._questions] = (peer, id)
        self._answer(peer, id, len(self._peers))
        data = pack(m.SurveyQuestion(self._questions, question))
        for each in self._peers.values():
            each.line.write(data)

    def _answer(self, peer: Peer, id: int, value: object) -> None:
        peer.line.write(pack(m.QueryReply(id, msgspec.Raw(m.encode(value)))))

    def _route(self, node: str, key: ChannelKey, peer: Peer) -> None:
        self._routes.setdefault(key, {})[node] = peer
        self._routed.setdefault(node, set()).add(key)

    def _unroute(self, node: str) -> None:
        for key in self._routed.pop(node, ()):
            peers = self._routes[key]
            peers.pop(node, None)
            if not peers:
                del self._routes[key]


_MAX_SURVEYS = 1000  # open at a time; the asker has its own deadline
