"""Puts all events in one order, sends each to the workers that need it, and confirms them to their publishers.

An event is confirmed (`Accepted`) when no worker's share of it is in this process's memory alone: the kernel has it, or
the worker that should get it has gone for good. Until then it is `Held`: its publisher keeps it, and goes on. What the
broker has caused itself has no publisher, so another worker is given it to keep (`EntrustedEvent`); and one more, if
that worker goes or has not taken it.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.backlog import Backlog
from revurb.bus.hub.event_log import EventLog
from revurb.bus.hub.framing import body_of, encode_frame
from revurb.bus.hub.held_events import HeldEvents
from revurb.bus.hub.peer import Peer
from revurb.bus.hub.topic_routes import TopicRoutes
from revurb.pusher.ports import PublishedEvent


class EventRouter:
    """`epoch` is the broker's. `peers` are the connected workers, by node; `routes` say what they are sent. `absent`
    are the nodes that may come back, each with the position up to which it has the events. `unacknowledged` are the
    peers with events, or changes, that `acknowledge` has to confirm.
    """

    __slots__ = (
        "_behind",
        "_entrusted",
        "_entrusted_before",
        "_flushed",
        "_held",
        "_own_seq",
        "_receivers",
        "_unflushed",
        "_unkept",
        "absent",
        "epoch",
        "log",
        "peers",
        "routes",
        "unacknowledged",
    )

    def __init__(self, log: EventLog, epoch: str) -> None:
        self.log = log
        self.epoch = epoch
        self.peers: dict[str, Peer] = {}
        self.routes = TopicRoutes()
        self._receivers = self.routes.receivers
        self.absent: dict[str, int] = {}
        self.unacknowledged: list[Peer] = []
        self._behind: set[Peer] = set()
        self._held = HeldEvents()
        # Positions of events that the broker, this one or an earlier one, has caused itself:
        self._unflushed: list[int] = []
        self._unkept: deque[int] = deque()  # some worker has not got it, and no other one keeps it
        self._entrusted: list[tuple[Peer, int]] = []  # since the last `acknowledge`, with the keeper
        self._entrusted_before: list[tuple[Peer, int]] = []  # from then to the one before
        # A worker may keep some of several brokers, with the same partition.
        self._own_seq = secrets.randbits(48)
        self._flushed = 0  # the position up to which everything was given to the connections

    @property
    def has_backlogs(self) -> bool:
        """Whether any peer has a backlog."""
        return bool(self._behind)

    # What is sent.

    def send(
        self,
        node: str,
        seq: int,
        event: m.Publish | PublishedEvent,
        *,
        partition: int = 0,
        before: tuple[str, int] | None = None,
    ) -> None:
        """Give an event the next position, log it, and write it to the peers that need it: of one that had a position
        `before`, in the order of the broker of that epoch, to those that had not got so far. The others have it, or
        had no subscribers then, and perhaps have what came after it."""
        log = self.log
        log.position = position = log.position + 1
        key = app_id, channel = event.app_id, event.channel
        data = encode_frame(
            m.BrokerEvent(position, node, seq, app_id, channel, event.text, event.except_socket_id, partition)
        )
        log.append(key, data)
        receivers = self.peers if channel == m.TERMINATIONS else self._receivers.get(key)
        if receivers:
            if before is not None:
                epoch, at = before
                receivers = {
                    name: peer for name, peer in receivers.items() if peer.had[0] != epoch or peer.had[1] < at
                }
            for peer in receivers.values():
                peer.write_event(data)

    def send_own(self, event: PublishedEvent) -> None:
        """Send a member event that the broker has caused itself."""
        self._own_seq = seq = self._own_seq + 1
        self.send(self.epoch, seq, event, partition=m.BROKER_EVENTS)
        self._unflushed.append(self.log.position)

    def send_to_all(self, message: m.FromBroker) -> None:
        """Write a message to every peer."""
        data = encode_frame(message)
        for peer in self.peers.values():
            peer.write(data)

    # What is confirmed.

    def confirm(self, peer: Peer, seq: int) -> None:
        """Have `acknowledge` confirm an event that was sent."""
        if not peer.unacknowledged and not peer.changes:
            self.unacknowledged.append(peer)
        peer.unacknowledged.append(seq)
        peer.positions.append(self.log.position)

    def confirm_change(self, peer: Peer, partition: int, change: int) -> None:
        """Have `acknowledge` confirm a member event that was sent."""
        if not peer.unacknowledged and not peer.changes:
            self.unacknowledged.append(peer)
        peer.changes.append((partition, change, self.log.position))

    def acknowledge(self) -> None:
        """Confirm to the publishers (`unacknowledged`) the events that are ordered.

        To be called when these events have left this process, or `fell_behind` was called for the peers that did not
        take them. So a broker that is killed loses nothing: what it has not confirmed is published again, to its
        successor.
        """
        self._flushed = self.log.position
        if self._entrusted or self._entrusted_before:
            self._entrusted_before, self._entrusted = self._entrusted, []
        if self._unflushed:
            self._entrust_unflushed()
        for peer in self.unacknowledged:
            if self._behind or self.absent:
                self._hold(peer)
            elif peer.unacknowledged:
                peer.write(encode_frame(m.Accepted(peer.unacknowledged)))
            peer.unacknowledged, peer.positions = [], []
            if peer.changes:
                self._confirm_changes(peer)
        self.unacknowledged.clear()

    def settle(self) -> None:
        """Confirm the held events that nobody has to be sent any more."""
        if not self._held:
            return
        kept = self.log.oldest - 1  # what the log has dropped is lost to those who have not got it
        positions = [peer.backlog.settled for peer in self._behind if peer.backlog is not None]
        settled = min(
            (max(kept, each) for each in (*positions, *self.absent.values())), default=self._flushed
        )
        for publisher, partition, seqs in self._held.settle(settled):
            if self.peers.get(publisher.node) is publisher:  # else it publishes them again
                publisher.write(encode_frame(m.Accepted(seqs, partition)))

    def keeper(self) -> Peer | None:
        """A worker that takes what it is sent, and can keep what only this process knows; None if there is none."""
        return next((peer for peer in self.peers.values() if peer not in self._behind), None)

    def entrust(self) -> Iterator[None]:
        """Give the broker's own events that somebody has not got to a worker to keep."""
        unkept, log = self._unkept, self.log
        while unkept:
            if not self._behind and not self.absent:
                unkept.clear()
                return
            keeper = self.keeper()
            entry = log.entry(unkept[0])
            if keeper is None and entry is not None:
                return
            position = unkept.popleft()
            # What the log has dropped, those who have not got it are told that they miss.
            if keeper is not None and entry is not None:
                event = m.read_from_broker(body_of(entry.data))
                assert isinstance(event, m.BrokerEvent)
                app_id, channel, text = event.app_id, event.channel, event.text
                entrusted = m.EntrustedEvent(
                    event.seq, app_id, channel, text, None, 0, position, m.BROKER_EVENTS, event.node
                )
                keeper.write(encode_frame(entrusted))
                self._held.hold(position, keeper, m.BROKER_EVENTS, event.seq)
                self._entrusted.append((keeper, position))
            yield

    @property
    def all_are_kept(self) -> bool:
        """Whether somebody keeps each of the broker's own events that others have not got."""
        return not self._unkept

    def _entrust_unflushed(self) -> None:
        unflushed, self._unflushed = self._unflushed, []
        if self._behind or self.absent:
            had_keepers = not self._unkept
            self._unkept += unflushed
            if had_keepers:  # else they wait for their turn
                for _ in self.entrust():
                    pass

    def _hold(self, peer: Peer) -> None:
        for seq, position in zip(peer.unacknowledged, peer.positions, strict=True):
            self._held.hold(position, peer, 0, seq)
        if peer.unacknowledged:
            peer.write(encode_frame(m.Held(peer.unacknowledged, peer.positions)))

    def _confirm_changes(self, peer: Peer) -> None:
        for partition, change, position in peer.changes:
            if peer.is_over and partition == m.BROKER_EVENTS:
                self._unkept.append(position)
            elif self._behind or self.absent:
                self._held.hold(position, peer, partition, change)
                peer.write(encode_frame(m.Held([change], [position], partition)))
            else:
                peer.write(encode_frame(m.Accepted([change], partition)))
        peer.changes = []

    # The connections.

    def disconnected(self, peer: Peer) -> int:
        """The peer gets no more. Returns the position up to which it has the events."""
        self._behind.discard(peer)
        if self._held:
            self._unkept += self._held.take_back(peer, m.BROKER_EVENTS)
        return self._flushed if peer.backlog is None else peer.backlog.settled

    def fell_behind(self, peer: Peer) -> None:
        """The connection has not taken everything that was written, and is to be written no more for now."""
        if peer.backlog is None:
            self.start_backlog(peer, self.log.position, self._flushed)
            for keeper, position in (*self._entrusted_before, *self._entrusted):
                if keeper is peer:  # perhaps this is what it has not taken
                    self._unkept.append(position)

    def start_backlog(self, peer: Peer, position: int, settled: int) -> None:
        """Send the peer what comes after `position` from the log. It has the events up to `settled`."""
        peer.fall_behind(Backlog(self.log, position, settled))
        self._behind.add(peer)

    def took_all(self, peer: Peer) -> None:
        """The connection has taken everything that was written to a peer that fell behind."""
        backlog = peer.backlog
        if backlog is None:
            return
        backlog.took_all()
        if backlog.is_empty:
            peer.catch_up()
            self._behind.discard(peer)
        self.settle()

    def write_backlog(self, peer: Peer) -> None:
        """Write the next part of a peer's backlog."""
        if peer.backlog is not None:
            for data in peer.backlog.next_slice(self.routes.topics(peer.node)):
                peer.write_now(data)
