"""The sending side of a worker's connection, kept in memory."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.framing import MessageSplitter


class MemoryWriter:
    """`unsent_bytes` is what the test says that the worker has not taken."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self.unsent_bytes = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def messages(self) -> list[m.FromBroker]:
        """Everything written so far, decoded."""
        return [m.read_from_broker(body) for body in MessageSplitter().feed(b"".join(self.written))]
