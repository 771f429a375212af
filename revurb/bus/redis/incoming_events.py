"""What comes in from Redis, put in its place: events in order, each once, and replies where they belong among them.

For each partition there is the position of the newest event that was passed on. Three things hold events back for a
moment: a marker whose reply is still on the other connection, and catching up with the log after the subscribing
connection was lost; what comes meanwhile waits in line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from revurb.bus.redis.envelope import START, Envelope, StreamId, parse_stream_id, unpack

EventCallback = Callable[[int, StreamId, Envelope], None]  # partition, position, event


class IncomingEvents:
    """`on_event` gets each event once, in the order of its partition."""

    def __init__(self, on_event: EventCallback) -> None:
        self.invalid_messages = 0  # what made no sense
        self._on_event = on_event
        self._newest: dict[int, StreamId] = {}
        self._postponed: dict[int, deque[tuple[str, Any]]] = {}
        self._expected: dict[
            str, tuple[int, Callable[[Any], None]]
        ] = {}  # marker -> partition, what waits for it
        self._replies: dict[str, Any] = {}  # that came before their marker
        self._catching_up = False

    def reset(self, *, forget_positions: bool) -> None:
        """Everything starts over; with another Redis also the positions."""
        self._postponed.clear()
        self._expected.clear()
        self._replies.clear()
        self._catching_up = False
        if forget_positions:
            self._newest.clear()

    # From the subscribing connection.

    def receive_event(self, partition: int, data: bytes) -> None:
        """An event of a partition, as published."""
        try:
            stream_id, _, packed = data.partition(b"\n")
            position, envelope = parse_stream_id(stream_id), unpack(packed)
        except ValueError:
            self.invalid_messages += 1
            return
        if partition in self._postponed or self._catching_up:
            self._postponed.setdefault(partition, deque()).append(("event", (position, envelope)))
        else:
            self._pass_on(partition, position, envelope)

    def receive_marker(self, partition: int, data: bytes) -> None:
        """The place of a reply among the events of a partition."""
        marker = data.decode("ascii", "replace")
        if partition in self._postponed or self._catching_up:
            self._postponed.setdefault(partition, deque()).append(("marker", marker))
        elif marker in self._expected:
            self._use_reply(partition, marker)

    def advance_to(self, partition: int, position: StreamId) -> None:
        """All that the partition had up to there has come; passed on, unless it is held back: then the next word of
        that kind will do."""
        if partition not in self._postponed and not self._catching_up:
            self._newest[partition] = max(self._newest.get(partition, START), position)

    def newest(self, partition: int) -> StreamId:
        """Up to here, everything of the partition has been passed on."""
        return self._newest.get(partition, START)

    # From the command connection.

    def expect_reply(self, partition: int, marker: str, then: Callable[[Any], None]) -> None:
        """A question was asked whose reply has a marker."""
        self._expected[marker] = (partition, then)

    def receive_reply(self, marker: str, reply: Any) -> None:
        expected = self._expected.get(marker)
        if expected is None:
            return
        partition = expected[0]
        self._replies[marker] = reply
        postponed = self._postponed.get(partition)
        if postponed and postponed[0] == ("marker", marker) and not self._catching_up:
            self._release(partition)

    # Catching up.

    def rewind_to(self, partition: int, position: StreamId) -> None:
        """There the log ends, and nothing has come since the connection was lost. If that is before the newest that has
        come, the server that had it is gone, and its replica goes on from there."""
        if partition in self._newest:
            self._newest[partition] = min(self._newest[partition], position)

    @property
    def is_catching_up(self) -> bool:
        return self._catching_up

    def catch_up(self) -> None:
        """From now on everything waits, until `caught_up`."""
        self._catching_up = True

    def receive_logged(self, partition: int, stream_id: bytes, packed: bytes) -> None:
        """An event out of the log."""
        try:
            self._pass_on(partition, parse_stream_id(stream_id), unpack(packed))
        except ValueError:
            self.invalid_messages += 1

    def caught_up(self) -> None:
        self._catching_up = False
        for partition in tuple(self._postponed):
            self._release(partition)

    def _use_reply(self, partition: int, marker: str) -> None:
        """Use the reply, or wait for it with everything behind."""
        if marker in self._replies:
            _, then = self._expected.pop(marker)
            then(self._replies.pop(marker))
        else:
            self._postponed.setdefault(partition, deque()).appendleft(("marker", marker))

    def _release(self, partition: int) -> None:
        postponed = self._postponed[partition]
        while postponed:
            kind, item = postponed[0]
            if kind == "marker" and item in self._expected and item not in self._replies:
                return
            postponed.popleft()
            if kind == "event":
                self._pass_on(partition, *item)
            elif item in self._expected:
                _, then = self._expected.pop(item)
                then(self._replies.pop(item))
        del self._postponed[partition]

    def _pass_on(self, partition: int, position: StreamId, envelope: Envelope) -> None:
        if position > self._newest.get(partition, START):
            self._newest[partition] = position
            self._on_event(partition, position, envelope)
