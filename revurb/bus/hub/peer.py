"""A worker's connection, as the broker sees it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.hub.backlog import Backlog

FULL_BYTES = 1024 * 1024


class PeerWriter(Protocol):
    """The sending side of a worker's connection."""

    def write(self, data: bytes) -> None:
        """Queue one or more framed messages. They are sent when the server flushes."""

    def close(self) -> None:
        """Drop the connection at once."""


class Peer:
    """A worker's connection, from accept to end. `node` is "" until its Hello message has come.

    `report` is what it has reported so far. While `is_greeting`, that is being handled. While the broker `is_occupied`
    with that or with a question of it, its messages wait in `inbox`; `is_queued` is whether these are about to be
    handled. `waiting_bytes` is the size of its messages that wait, there or for the end of a takeover.
    `had` is the epoch of the last broker that it has been sent something by, and its position in that one's order.
    `is_over` is whether the broker takes nothing from it any more: it has ended, or another one has taken its place.
    `write` sends it a reply, `write_event` an event that is in the log; while it has a `backlog`, the reply waits there
    and the event is not needed. `received_at` is when bytes last came, in seconds of the broker's clock.
    `unacknowledged` are the numbers of its events that are ordered and have not been confirmed yet, `positions` their
    positions. `changes` are partition, number and position of the member events that it has caused, also unconfirmed.
    """

    __slots__ = (
        "_writer",
        "backlog",
        "changes",
        "had",
        "inbox",
        "is_greeting",
        "is_occupied",
        "is_over",
        "is_queued",
        "node",
        "positions",
        "received_at",
        "report",
        "unacknowledged",
        "waiting_bytes",
        "write",
        "write_event",
    )

    def __init__(self, writer: PeerWriter, now: float) -> None:
        self._writer = writer
        self.received_at = now
        self.node = ""
        self.had = ("", 0)
        self.report = NodeReport()
        self.is_greeting = False
        self.is_occupied = False
        self.is_queued = False
        self.inbox: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.is_over = False
        self.unacknowledged: list[int] = []
        self.positions: list[int] = []
        self.changes: list[tuple[int, int, int]] = []
        self.backlog: Backlog | None = None
        self.write: Callable[[bytes], None] = writer.write
        self.write_event: Callable[[bytes], None] = writer.write

    @property
    def is_choked(self) -> bool:
        """Whether so many replies to it wait that it is answered no more for now."""
        return self.backlog is not None and self.backlog.bytes > FULL_BYTES

    @property
    def is_full(self) -> bool:
        """Whether so much of it waits that nothing more is to be read from it."""
        return self.waiting_bytes > FULL_BYTES or self.is_choked

    def fall_behind(self, backlog: Backlog) -> None:
        """The connection takes no more, or not yet: from now on it is sent what is next in the backlog."""
        self.backlog = backlog
        self.write, self.write_event = backlog.add_reply, _discard

    def catch_up(self) -> None:
        """The backlog is empty, and the kernel has all of it."""
        self.backlog = None
        self.write = self.write_event = self._writer.write

    def write_now(self, data: bytes) -> None:
        """Write a part of the backlog."""
        self._writer.write(data)

    def end(self) -> None:
        """The broker takes nothing from it any more, and sends it nothing."""
        self.is_over = True
        self.backlog = None
        self.write = self.write_event = _discard
        self.inbox.clear()

    def close(self) -> None:
        """Drop the connection at once."""
        self._writer.close()


def _discard(data: bytes) -> None:
    """It is in the log."""
