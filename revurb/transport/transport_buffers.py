"""What the transports of connections hold: bytes for peers that the kernel did not take.

An outbox that has been flushed is empty; what the peer does not read is in its transport then, and nobody says how that
shrinks. So each connection is noted when something goes to its transport, and looked at again with each tick of the
node for as long as there is something. The sum is `Fanout.transport_bytes`.

While the sum is more than may, nobody is served; so those are ended then that are in the way: who needs longer than
STALLED_S for as much as its transport holds. A peer that reads a little now and then would otherwise keep everybody
waiting for as long as it likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from revurb._speedups.fanout import Fanout

MAX_LOOKS = 5000  # in one turn of the loop; a look takes 1.5 us
STALLED_S = 5.0  # for as much as a transport holds: 200 kB/s of a peer whose holds the most that it may


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
        """Its peer takes nothing or too little, and what it was sent is in the way of everybody: end it."""


class _Buffer:
    __slots__ = ("behind_bytes", "behind_since", "moved_at", "size_bytes", "unsent_bytes")

    def __init__(self, now: float) -> None:
        self.size_bytes = 0
        self.unsent_bytes = 0  # at the last look, and what was written since
        self.moved_at = now
        # Of what it held at `behind_since`, what the peer has not taken; None before the first look.
        self.behind_bytes: int | None = None
        self.behind_since = now


class TransportBuffers:
    """The `connections` whose transports hold something, as of the last look at each. Times are monotonic seconds."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self.connections: dict[BufferedConnection, _Buffer] = {}

    def note(
        self, connection: BufferedConnection, now: float, written: Iterable[bytes | memoryview] | None = None
    ) -> None:
        """Look at a connection: `written` was given to its transport, or something was taken from it. If it is None,
        what the transport holds more than before was written."""
        held = self.connections.get(connection)
        size_bytes = connection.transport_bytes
        if held is None:
            if not size_bytes:
                return
            held = self.connections[connection] = _Buffer(now)
        if size_bytes < held.size_bytes:
            held.moved_at = now
        if written is not None:
            held.unsent_bytes += sum(map(len, written))
        elif size_bytes > held.size_bytes:
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

    def note_progress(self, connection: BufferedConnection, now: float) -> None:
        """The peer has taken what it had to before it is written to again."""
        held = self.connections.get(connection)
        if held is not None:
            held.behind_bytes, held.behind_since = held.size_bytes, now

    def moved_at(self, connection: BufferedConnection) -> float:
        """When the peer was last seen to take something; -inf if its transport holds nothing."""
        held = self.connections.get(connection)
        return float("-inf") if held is None else held.moved_at

    def look(self, now: float) -> None:
        """Look at connections again: at all, or where they are too many for one turn at the next ones. While more
        waits than may, those that are in the way are ended."""
        for connection in self._next():
            self.note(connection, now)
            held = self.connections.get(connection)
            if held is None:
                continue
            unsent_bytes = connection.unsent_bytes
            if unsent_bytes < held.unsent_bytes:
                held.moved_at = now
            if held.behind_bytes is not None:
                held.behind_bytes -= held.unsent_bytes - unsent_bytes
            if held.behind_bytes is None or held.behind_bytes <= 0:
                held.behind_bytes, held.behind_since = held.size_bytes, now
            elif now - held.behind_since >= STALLED_S and self._fanout.is_full:
                connection.end_stalled()
            held.unsent_bytes = unsent_bytes
        if not self.connections:
            self.connections.clear()  # and its table: a herd that was sent long lists had 60 bytes there for each

    def _next(self) -> list[BufferedConnection]:
        held = self.connections
        if len(held) <= MAX_LOOKS:
            return list(held)
        connections = [connection for connection, _ in zip(held, range(MAX_LOOKS), strict=False)]
        for connection in connections:  # to the end: their turn comes after all others'
            held[connection] = held.pop(connection)
        return connections
