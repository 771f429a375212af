"""What comes in from Redis, put in its place: events in order, each once, and replies where they belong among them.

For each partition there is the position of the newest event that was passed on. Three things hold events back for a
moment: a marker whose reply is still on the other connection, and catching up with the log after the subscribing
connection was lost; what comes meanwhile waits in line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from revurb.bus.redis.envelope import START, Envelope, StreamId, read_stream_id, unpack

Pass = Callable[[int, StreamId, Envelope], None]  # partition, position, event


class IncomingEvents:
    """`on_event` gets each event once, in the order of its partition."""

    def __init__(self, on_event: Pass) -> None:
        self.refused = 0  # what made no sense
        self._on_event = on_event
        self._newest: dict[int, StreamId] = {}
        self._held: dict[int, deque[tuple[str, Any]]] = {}
        self._asked: dict[
            str, tuple[int, Callable[[Any], None]]
        ] = {}  # marker -> partition, what waits for it
        self._replies: dict[str, Any] = {}  # that came before their marker
        self._catching_up = False

    def reset(self, *, forget_positions: bool) -> None:
        """Everything starts over; with another Redis also the positions."""
        self._held.clear()
        self._asked.clear()
        self._replies.clear()
        self._catching_up = False
        if forget_positions:
            self._newest.clear()

    # From the subscribing connection.

    def event(self, number: int, data: bytes) -> None:
        """An event of a partition, as published."""
        try:
            stream_id, _, packed = data.partition(b"\n")
            position, envelope = read_stream_id(stream_id), unpack(packed)
        except ValueError:
            self.refused += 1
            return
        if number in self._held or self._catching_up:
            self._held.setdefault(number, deque()).append(("event", (position, envelope)))
        else:
            self._pass(number, position, envelope)

    def marker(self, number: int, data: bytes) -> None:
        """The place of a reply among the events of a partition."""
        marker = data.decode("ascii", "replace")
        if number in self._held or self._catching_up:
            self._held.setdefault(number, deque()).append(("marker", marker))
        elif marker in self._asked:
            self._place(number, marker)

    def heard_until(self, number: int, position: StreamId) -> None:
        """All that the partition had up to there has come; passed on, unless it is held back: then the next word of
        that kind will do."""
        if number not in self._held and not self._catching_up:
            self._newest[number] = max(self._newest.get(number, START), position)

    def newest(self, number: int) -> StreamId:
        """Up to here, everything of the partition has been passed on."""
        return self._newest.get(number, START)

    # From the command connection.

    def expect(self, number: int, marker: str, then: Callable[[Any], None]) -> None:
        """A question was asked whose reply has a marker."""
        self._asked[marker] = (number, then)

    def reply(self, marker: str, reply: Any) -> None:
        asked = self._asked.get(marker)
        if asked is None:
            return
        number = asked[0]
        self._replies[marker] = reply
        held = self._held.get(number)
        if held and held[0] == ("marker", marker) and not self._catching_up:
            self._go_on(number)

    # Catching up.

    def ends_at(self, number: int, position: StreamId) -> None:
        """There the log ends, and nothing has come since the connection was lost. If that is before the newest that has
        come, the server that had it is gone, and its replica goes on from there."""
        if number in self._newest:
            self._newest[number] = min(self._newest[number], position)

    @property
    def is_catching_up(self) -> bool:
        return self._catching_up

    def catch_up(self) -> None:
        """From now on everything waits, until `caught_up`."""
        self._catching_up = True

    def logged(self, number: int, stream_id: bytes, packed: bytes) -> None:
        """An event out of the log."""
        try:
            self._pass(number, read_stream_id(stream_id), unpack(packed))
        except ValueError:
            self.refused += 1

    def caught_up(self) -> None:
        self._catching_up = False
        for number in tuple(self._held):
            self._go_on(number)

    def _place(self, number: int, marker: str) -> None:
        """Use the reply, or wait for it with everything behind."""
        if marker in self._replies:
            _, then = self._asked.pop(marker)
            then(self._replies.pop(marker))
        else:
            self._held.setdefault(number, deque()).appendleft(("marker", marker))

    def _go_on(self, number: int) -> None:
        held = self._held[number]
        while held:
            kind, what = held[0]
            if kind == "marker" and what in self._asked and what not in self._replies:
                return
            held.popleft()
            if kind == "event":
                self._pass(number, *what)
            elif what in self._asked:
                _, then = self._asked.pop(what)
                then(self._replies.pop(what))
        del self._held[number]

    def _pass(self, number: int, position: StreamId, envelope: Envelope) -> None:
        if position > self._newest.get(number, START):
            self._newest[number] = position
            self._on_event(number, position, envelope)
