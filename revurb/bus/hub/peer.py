"""A worker's connection, as the broker sees it."""

from __future__ import annotations

from typing import Protocol


class PeerWriter(Protocol):
    """The sending side of a worker's connection."""

    def write(self, data: bytes) -> None:
        """Queue one or more framed messages. They are sent when the server flushes."""

    def close(self) -> None:
        """Drop the connection at once."""


class Peer:
    """A worker's connection, from accept to end. `node` is "" until its Hello message has come.

    `received_at` is when bytes last came, in seconds of the broker's clock. `unacknowledged` are the numbers of its
    events that are ordered and have not been confirmed yet.
    """

    __slots__ = ("node", "received_at", "unacknowledged", "writer")

    def __init__(self, writer: PeerWriter, now: float) -> None:
        self.writer = writer
        self.received_at = now
        self.node = ""
        self.unacknowledged: list[int] = []
