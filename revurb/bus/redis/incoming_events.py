"""Puts in order what comes from Redis: events in their order, each once, and replies at their place among the events.

For each partition there is the position of the newest event that was passed on. Two things postpone events for a
moment: a marker whose reply has not come yet on the other connection, and catching up with the log after the
subscribing connection was lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from revurb.bus.redis.envelope import START, Envelope, StreamId, parse_stream_id, unpack

EventCallback = Callable[[int, StreamId, Envelope], None]  # partition, position, event


class IncomingEvents:
    """Calls `on_event` for each event once, in the order of its partition."""

    def __init__(self, on_event: EventCallback) -> None:
        self.invalid_messages = 0  # events that could not be read
        self._on_event = on_event
        self._newest: dict[int, StreamId] = {}
        self._postponed: dict[int, deque[tuple[str, Any]]] = {}
        # Marker -> partition, what waits for it.
        self._expected: dict[str, tuple[int, Callable[[Any], None]]] = {}
        self._replies: dict[str, Any] = {}  # that came before their marker
        self._catching_up = False

    def reset(self, *, forget_positions: bool) -> None:
        """Start over for a new session. With `forget_positions`, for a Redis that has none of the events from
        before."""
        self._postponed.clear()
        self._expected.clear()
        self._replies.clear()
        self._catching_up = False
        if forget_positions:
            self._newest.clear()

    # From the subscribing connection.

    def receive_event(self, partition: int, data: bytes) -> None:
        """An event of a partition has come, as it was published."""
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
        """The marker of a reply has come: the reply's place among the events of a partition."""
        marker = data.decode("ascii", "replace")
        if partition in self._postponed or self._catching_up:
            self._postponed.setdefault(partition, deque()).append(("marker", marker))
        elif marker in self._expected:
            self._use_reply(partition, marker)

    def advance_to(self, partition: int, position: StreamId) -> None:
        """All events of the partition up to `position` have come. Ignored while events are postponed; the next
        heartbeat reports it again."""
        if partition not in self._postponed and not self._catching_up:
            self._newest[partition] = max(self._newest.get(partition, START), position)

    def newest(self, partition: int) -> StreamId:
        """The position up to which every event of the partition has been passed on."""
        return self._newest.get(partition, START)

    # From the command connection.

    def expect_reply(self, partition: int, marker: str, then: Callable[[Any], None]) -> None:
        """A question was sent whose reply has a marker. `then` is called with the reply, at its place among the
        events."""
        self._expected[marker] = (partition, then)

    def receive_reply(self, marker: str, reply: Any) -> None:
        """The reply with that marker has come, before or after its marker."""
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
        """The partition's log ends at `position`, and nothing has come since the connection was lost. If that is before
        the newest event, the server that had it is gone, and its replica goes on from there."""
        if partition in self._newest:
            self._newest[partition] = min(self._newest[partition], position)

    @property
    def is_catching_up(self) -> bool:
        """Whether the log is being read."""
        return self._catching_up

    def catch_up(self) -> None:
        """Postpone everything until `caught_up`, except for events from the log."""
        self._catching_up = True

    def receive_logged(self, partition: int, stream_id: bytes, packed: bytes) -> None:
        """An event from the log has come."""
        try:
            self._pass_on(partition, parse_stream_id(stream_id), unpack(packed))
        except ValueError:
            self.invalid_messages += 1

    def caught_up(self) -> None:
        """The log is read: pass on what was postponed."""
        self._catching_up = False
        for partition in tuple(self._postponed):
            self._release(partition)

    def _use_reply(self, partition: int, marker: str) -> None:
        """Pass on the marker's reply, or postpone everything behind the marker until the reply comes."""
        if marker in self._replies:
            _, then = self._expected.pop(marker)
            then(self._replies.pop(marker))
        else:
            self._postponed.setdefault(partition, deque()).appendleft(("marker", marker))

    def _release(self, partition: int) -> None:
        """Pass on what was postponed, up to the next marker whose reply has not come."""
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
