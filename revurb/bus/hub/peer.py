"""A worker's connection, as the broker sees it."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.hub.framing import encode_frame

FULL_BYTES = 1024 * 1024


class PeerWriter(Protocol):
    """The sending side of a worker's connection."""

    def write(self, data: bytes) -> None:
        """Queue one or more framed messages. They are sent when the server flushes."""

    @property
    def unsent_bytes(self) -> int:
        """What was written and the kernel has not taken."""

    def close(self) -> None:
        """Drop the connection at once."""


class Peer:
    """A worker's connection, from accept to end. `node` is "" until its Hello message has come; `token` is then its
    name in the log.

    `report` is what it has reported so far. While the broker `is_occupied` with that or with a question of it, its
    messages wait in `inbox`; `is_queued` is whether these are about to be handled. `waiting_bytes` is the size of its
    messages that wait, there or for the end of a takeover. `is_over` is whether the broker takes nothing from it any
    more: it has ended, or another one has taken its place. `received_at` is when bytes last came, in seconds of the
    broker's clock.
    """

    __slots__ = (
        "_writer",
        "inbox",
        "is_occupied",
        "is_over",
        "is_queued",
        "node",
        "received_at",
        "report",
        "token",
        "waiting_bytes",
    )

    def __init__(self, writer: PeerWriter, now: float) -> None:
        self._writer = writer
        self.received_at = now
        self.node = ""
        self.token = 0
        self.report = NodeReport()
        self.is_occupied = False
        self.is_queued = False
        self.inbox: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.is_over = False

    @property
    def unsent_bytes(self) -> int:
        """The replies that it has not taken."""
        return self._writer.unsent_bytes

    @property
    def is_choked(self) -> bool:
        """Whether so many replies to it wait that it is answered no more for now."""
        return self._writer.unsent_bytes > FULL_BYTES

    @property
    def is_full(self) -> bool:
        """Whether so much of it waits that nothing more is to be read from it."""
        return self.waiting_bytes > FULL_BYTES or self.is_choked

    def send(self, message: m.FromBroker) -> None:
        """Send it a message when the server flushes. Without effect when it is over."""
        if not self.is_over:
            self._writer.write(encode_frame(message))

    def end(self) -> None:
        """The broker takes nothing from it any more, and sends it nothing."""
        self.is_over = True
        self.inbox.clear()

    def close(self) -> None:
        """Drop the connection at once."""
        self._writer.close()


class ConnectedPeers(dict[str, Peer]):
    """The connected workers, by node."""

    def send_to_all(self, message: m.FromBroker) -> None:
        """Send a message to every peer."""
        for peer in self.values():
            peer.send(message)

    def keeper(self) -> Peer | None:
        """A worker that takes what it is sent, and can keep what only this process knows; None if there is none."""
        return next((peer for peer in self.values() if not peer.unsent_bytes), None)
