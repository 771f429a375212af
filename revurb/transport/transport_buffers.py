"""What the transports of connections hold: bytes for peers that the kernel did not take.

An outbox that has been flushed is empty; what the peer does not read is in its transport then, and nobody says how that
shrinks. So each connection is noted when something goes to its transport, and looked at again with each tick of the
node for as long as there is something. The sum is `Fanout.transport_bytes`.
"""

from __future__ import annotations

from typing import Protocol

from revurb._speedups.fanout import Fanout

MAX_LOOKS = 5000  # in one turn of the loop; a look takes 1.5 us
STALLED_S = 5.0  # without a byte taken by the peer


class BufferedConnection(Protocol):
    """A connection with a transport."""

    @property
    def transport_bytes(self) -> int:
        """What its transport holds now."""

    @property
    def unsent_bytes(self) -> int:
        """The same, and what the kernel holds for the peer. It shrinks by as little as the peer takes; the transport's
        share only when the kernel has room for a lot, which may be seconds later."""

    def end_stalled(self) -> None:
        """Its peer has taken nothing for a while, and what it was sent is in the way of everybody: end it."""


class _Held:
    __slots__ = ("moved_at", "size_bytes", "unsent_bytes")

    def __init__(self, now: float) -> None:
        self.size_bytes = 0
        self.unsent_bytes = 0  # at the last look, and what was written since
        self.moved_at = now


class TransportBuffers:
    """The `connections` whose transports hold something, as of the last look at each. Times are monotonic seconds."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self.connections: dict[BufferedConnection, _Held] = {}

    def note(self, connection: BufferedConnection, now: float) -> None:
        """Look at a connection: something was written to its transport, or taken from it."""
        held = self.connections.get(connection)
        size_bytes = connection.transport_bytes
        if held is None:
            if not size_bytes:
                return
            held = self.connections[connection] = _Held(now)
        if size_bytes < held.size_bytes:
            held.moved_at = now
        else:
            held.unsent_bytes += size_bytes - held.size_bytes
        self._fanout.transport_bytes += size_bytes - held.size_bytes
        held.size_bytes = size_bytes
        if not size_bytes:
            del self.connections[connection]

    def forget(self, connection: BufferedConnection) -> None:
        """The connection is lost, and its transport with it."""
        held = self.connections.pop(connection, None)
        if held is not None:
            self._fanout.transport_bytes -= held.size_bytes

    def moved_at(self, connection: BufferedConnection) -> float:
        """When the peer was last seen to take something; -inf if its transport holds nothing."""
        held = self.connections.get(connection)
        return float("-inf") if held is None else held.moved_at

    def look(self, now: float) -> None:
        """Look at connections again: at all, or where they are too many for one turn at the next ones. While more
        waits than may, those whose peers have taken nothing for `STALLED_S` are ended."""
        for connection in tuple(self._next()):
            self.note(connection, now)
            held = self.connections.get(connection)
            if held is None:
                continue
            unsent_bytes = connection.unsent_bytes
            if unsent_bytes < held.unsent_bytes:
                held.moved_at = now
            elif now - held.moved_at >= STALLED_S and self._fanout.is_full:
                connection.end_stalled()
            held.unsent_bytes = unsent_bytes

    def _next(self) -> list[BufferedConnection]:
        held = self.connections
        if len(held) <= MAX_LOOKS:
            return list(held)
        connections = [connection for connection, _ in zip(held, range(MAX_LOOKS), strict=False)]
        for connection in connections:  # to the end: their turn comes after all others'
            held[connection] = held.pop(connection)
        return connections
