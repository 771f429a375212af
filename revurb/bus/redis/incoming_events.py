"""Puts in order what comes from Redis: events in their order, each once, and replies at their place among the events.

Each topic has the position of its newest event. Each partition has one up to which everything has come, which only a
heartbeat moves: a position that somebody else wrote on a topic's channel says nothing of the other topics. Two things
postpone events for a moment: a marker whose reply has not come yet on the other connection, and catching up with the
log after the subscribing connection was lost.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from revurb.bus.redis.envelope import START, UNREADABLE, Envelope, StreamId, parse_stream_id, unpack
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import CLUSTER_PARTITIONS
from revurb.bus.redis.topic_subscriptions import SubscribedTopic, TopicSubscriptions

EventCallback = Callable[[int, Envelope], None]  # order of the topic, event

MAX_AHEAD_MS = 20_000  # of a position, of the time that the last heartbeat told
MAX_POSTPONED_BYTES = 32 * 1024 * 1024
_EVENT_COST_BYTES = 500  # memory of a postponed event besides its data
_NO_LIMIT = 2**64


class IncomingEvents:
    """Calls `on_event` for each event of the `topics` once, in the order of its partition. `invalid` gets what cannot
    be used. `on_overflow` is called when too much waits for a reply that does not come: the session has to end."""

    def __init__(
        self,
        topics: TopicSubscriptions,
        invalid: InvalidValues,
        on_event: EventCallback,
        on_overflow: Callable[[], None] = lambda: None,
    ) -> None:
        self._topics = topics
        self._invalid = invalid
        self._on_event = on_event
        self._on_overflow = on_overflow
        self._received: dict[int, StreamId] = {}  # up to where everything has come
        self._newest = [START] * CLUSTER_PARTITIONS  # that has been seen
        self._times: dict[int, tuple[int, float]] = {}  # ms of its positions, when that was by time.monotonic
        self._limits_ms = [_NO_LIMIT] * CLUSTER_PARTITIONS  # up to where a position needs no closer look
        self._postponed: dict[int, deque[tuple[str, Any]]] = {}
        self._postponed_bytes = 0
        # Marker -> partition, what waits for it.
        self._expected: dict[str, tuple[int, Callable[[Any], None]]] = {}
        self._replies: dict[str, Any] = {}  # that came before their marker
        self._catching_up = False
        self._has_skipped = False

    def reset(self, *, forget_positions: bool) -> None:
        """Start over for a new session. With `forget_positions`, for a Redis that has none of the events from
        before."""
        self._postponed.clear()
        self._postponed_bytes = 0
        self._expected.clear()
        self._replies.clear()
        self._catching_up = self._has_skipped = False
        self._times.clear()
        self._limits_ms = [_NO_LIMIT] * CLUSTER_PARTITIONS
        if forget_positions:
            self._received.clear()
            self._newest = [START] * CLUSTER_PARTITIONS
            self._topics.forget_positions()

    def session_ended(self) -> None:
        """No reply comes any more: pass on what is behind their markers, which a Redis without its memory would not
        give again. What waits for the log stays behind it."""
        if not self._catching_up:
            self._expected.clear()
            for partition in tuple(self._postponed):
                self._release(partition)

    # From the subscribing connection.

    def receive_event(self, topic: SubscribedTopic, channel: bytes, data: bytes) -> None:
        """Something has come on a topic's channel."""
        partition = topic.partition
        try:
            stream_id, _, packed = data.partition(b"\n")
            position, envelope = parse_stream_id(stream_id), unpack(packed)
            if position.ms > self._limits_ms[partition] and self._is_ahead(partition, position.ms):
                raise ValueError(f"position {position.ms} is ahead of the time")
            if envelope.channel != topic.channel or (topic.channel and envelope.app_id != topic.app_id):
                raise ValueError("event of another channel")
        except UNREADABLE as error:
            self._invalid.report(channel, error)
            return
        if partition in self._postponed or self._catching_up:
            self._postpone(partition, ("event", (topic, position, envelope)), len(data))
            return
        # As `_pass_on`, without the call.
        if position > self._newest[partition]:
            self._newest[partition] = position
        if topic.newest is not None and position > topic.newest:
            topic.newest = position
            self._on_event(topic.order, envelope)

    def receive_marker(self, partition: int, data: bytes) -> None:
        """The marker of a reply has come: the reply's place among the events of a partition."""
        marker = data.decode("ascii", "replace")
        if marker not in self._expected:
            return  # of the session before
        if partition in self._postponed or self._catching_up:
            self._postpone(partition, ("marker", marker), len(marker))
        else:
            self._use_reply(partition, marker)

    def advance_to(self, partition: int, position: StreamId) -> None:
        """All events of the partition up to `position` have come. Ignored while events are postponed; the next
        heartbeat reports it again."""
        if partition not in self._postponed and not self._catching_up:
            self._received[partition] = position
            self._newest[partition] = max(self._newest[partition], position)

    def set_time(self, partition: int, ms: int) -> bool:
        """It is `ms` now by the positions of the partition. Events whose positions are MAX_AHEAD_MS ahead of that are
        refused from now on. Returns False if there may have been true ones among those that were refused before."""
        is_steady = not self._is_ahead(partition, ms)
        self._times[partition] = (ms, time.monotonic())
        self._limits_ms[partition] = ms + MAX_AHEAD_MS
        return is_steady

    def received(self, partition: int) -> StreamId:
        """The position up to which every event of the partition has come."""
        return self._received.get(partition, START)

    def newest(self, partition: int) -> StreamId:
        """The position of the newest event of the partition that was seen."""
        return self._newest[partition]

    # From the command connection.

    def expect_reply(self, partition: int, marker: str, then: Callable[[Any], None]) -> None:
        """A question was sent whose reply has a marker, and begins with the position of that. `then` is called with the
        reply, at its place among the events."""
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

    def forget_reply(self, marker: str) -> None:
        """The question has failed: there is no reply, and perhaps no marker."""
        expected = self._expected.pop(marker, None)
        if expected is not None and expected[0] in self._postponed and not self._catching_up:
            self._release(expected[0])

    # Catching up.

    def rewind_to(self, positions: Mapping[int, StreamId]) -> None:
        """The logs of these partitions end there, and nothing has come since the connection was lost. Where that is
        before the newest event, the server that had it is gone, and its replica goes on from there."""
        behind = {
            number: position for number, position in positions.items() if position < self.newest(number)
        }
        for number, position in behind.items():
            self._newest[number] = position
        if behind:
            self._topics.rewind(behind)
        for number, position in positions.items():
            if position < self.received(number):
                self._received[number] = position

    @property
    def is_catching_up(self) -> bool:
        """Whether the log is being read."""
        return self._catching_up

    def catch_up(self) -> None:
        """Postpone everything until `caught_up`, except for events from the log."""
        self._catching_up = True

    def receive_logged(self, partition: int, key: str, stream_id: bytes, packed: bytes) -> None:
        """An event from the log has come. `key` is the log's."""
        try:
            position, envelope = parse_stream_id(stream_id), unpack(packed)
        except UNREADABLE as error:
            self._invalid.report(key, error)
            return
        self._received[partition] = position
        if self._replies:
            self._use_replies_before(partition, position)
        topic = self._topics.find(envelope.app_id, envelope.channel)
        if topic is not None and topic.partition == partition:
            self._pass_on(topic, position, envelope)

    def read_log_to(self, partition: int, position: StreamId) -> None:
        """The log was read up to there: whatever else it has is of topics that nobody here wants."""
        self._received[partition] = position

    @property
    def is_behind(self) -> bool:
        """Whether more came meanwhile than can be postponed, so that the log has to be read on."""
        return self._has_skipped

    def read_on(self) -> None:
        """The log is about to be read on, from `received` of each partition."""
        self._has_skipped = False

    def caught_up(self) -> None:
        """The log is read: pass on what was postponed."""
        self._catching_up = False
        for partition in tuple(self._postponed):
            self._release(partition)

    def _is_ahead(self, partition: int, ms: int) -> bool:
        if partition not in self._times:
            return False
        known_ms, at = self._times[partition]
        return ms > known_ms + (time.monotonic() - at) * 1000 + MAX_AHEAD_MS

    def _postpone(self, partition: int, item: tuple[str, Any], size_bytes: int) -> None:
        self._postponed_bytes += size_bytes + _EVENT_COST_BYTES
        if self._postponed_bytes > MAX_POSTPONED_BYTES:
            if not self._catching_up:
                self._on_overflow()
                return
            # The log has the events, too. Only the markers are kept.
            self._has_skipped = True
            for number, items in self._postponed.items():
                self._postponed[number] = deque(each for each in items if each[0] == "marker")
            self._postponed_bytes = 0
        self._postponed.setdefault(partition, deque()).append(item)

    def _use_reply(self, partition: int, marker: str) -> None:
        """Pass on the marker's reply, or postpone everything behind the marker until the reply comes."""
        if marker in self._replies:
            _, then = self._expected.pop(marker)
            then(self._replies.pop(marker))
        else:
            self._postponed.setdefault(partition, deque()).appendleft(("marker", marker))

    def _use_replies_before(self, partition: int, position: StreamId) -> None:
        """Pass on the replies whose place is ahead of an event from the log: their markers are postponed, and who is
        counted with them is to get the event. A log is read behind the questions that were asked before."""
        for marker, reply in tuple(self._replies.items()):
            expected = self._expected.get(marker)
            if expected is not None and expected[0] == partition and parse_stream_id(reply[0]) < position:
                del self._expected[marker], self._replies[marker]
                expected[1](reply)

    def _release(self, partition: int) -> None:
        """Pass on what was postponed, up to the next marker whose reply has not come."""
        postponed = self._postponed[partition]
        while postponed:
            kind, item = postponed[0]
            if kind == "marker" and item in self._expected and item not in self._replies:
                return
            postponed.popleft()
            if kind == "event":
                self._pass_on(*item)
            elif item in self._expected:
                _, then = self._expected.pop(item)
                then(self._replies.pop(item))
        del self._postponed[partition]
        if not self._postponed:
            self._postponed_bytes = 0

    def _pass_on(self, topic: SubscribedTopic, position: StreamId, envelope: Envelope) -> None:
        if position > self._newest[topic.partition]:
            self._newest[topic.partition] = position
        if topic.newest is not None and position > topic.newest:
            topic.newest = position
            self._on_event(topic.order, envelope)
