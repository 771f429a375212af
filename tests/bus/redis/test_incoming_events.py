"""What comes from Redis, put in order: events, markers and replies, and what the log adds after a gap."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.redis import incoming_events
from revurb.bus.redis.envelope import START, Envelope, StreamId, pack
from revurb.bus.redis.incoming_events import MAX_AHEAD_MS, IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.ports import PublishedEvent

APP = "app1"
KEYS = Keys("revurb")
NEWS = partition_of(APP, "news")
SAME = next(name for name in map(str, range(1000)) if partition_of(APP, name) == NEWS)  # in its partition
OTHER = next(name for name in map(str, range(1000)) if partition_of(APP, name) == NEWS + 1)


class Order:
    """Incoming events, and everything that was passed on: texts of events, and replies."""

    def __init__(self) -> None:
        self.passed_on: list[Any] = []
        self.orders: list[int] = []  # of the events
        self.invalid = InvalidValues()
        self.overflows = 0
        self.topics = TopicSubscriptions(KEYS, "n1")
        for channel in ("news", SAME, OTHER):
            self.topics.add(APP, channel)
        self.incoming = IncomingEvents(
            self.topics,
            self.invalid,
            self._pass_on,
            self._overflow,
        )

    def _pass_on(self, order: int, envelope: Envelope) -> None:
        self.passed_on.append(envelope.text)
        self.orders.append(order)

    def _overflow(self) -> None:
        self.overflows += 1

    def event(self, ms: int, channel: str = "news") -> None:
        self.receive(b"%d-0\n" % ms + packed(ms, channel), channel)

    def receive(self, data: bytes, channel: str = "news") -> None:
        topic = self.topics.find(APP, channel)
        assert topic is not None
        self.incoming.receive_event(topic, KEYS.topic(APP, channel).channel.encode(), data)

    def logged(self, ms: int) -> None:
        self.incoming.receive_logged(NEWS, KEYS.logs[NEWS], b"%d-0" % ms, packed(ms))


def packed(ms: int, channel: str = "news") -> bytes:
    return pack("n", ms, PublishedEvent(APP, channel, b"%d" % ms))


def test_an_event_is_of_the_same_order_however_it_came() -> None:
    """Else a node takes an event of its own that came late for another one, and delivers it once more."""
    order = Order()
    high = next(name for name in map(str, range(10_000)) if KEYS.topic(APP, name).order >= KEYS.partitions)
    order.topics.add(APP, high)
    topic = KEYS.topic(APP, high)
    order.event(1, high)
    order.incoming.catch_up()
    order.incoming.receive_logged(topic.partition, KEYS.logs[topic.partition], b"2-0", packed(2, high))
    order.event(3, high)
    order.incoming.caught_up()
    assert order.passed_on == [b"1", b"2", b"3"]
    assert order.orders == [topic.order] * 3


def test_a_reply_has_the_place_of_its_marker() -> None:
    order = Order()
    order.incoming.expect_reply(NEWS, "7", order.passed_on.append)
    order.event(1)
    order.incoming.receive_reply("7", "reply")  # before its marker
    order.event(2)
    order.incoming.receive_marker(NEWS, b"7")
    order.event(3)
    assert order.passed_on == [b"1", b"2", "reply", b"3"]


def test_events_behind_a_marker_wait_for_the_reply() -> None:
    order = Order()
    for marker in ("7", "8"):
        order.incoming.expect_reply(NEWS, marker, order.passed_on.append)
    order.incoming.receive_marker(NEWS, b"7")
    order.event(1)
    order.incoming.receive_marker(NEWS, b"8")
    order.event(2)
    order.event(1, OTHER)
    assert order.passed_on == [b"1"]  # that of the other partition
    order.incoming.advance_to(NEWS, StreamId(9, 0))  # ignored meanwhile
    order.incoming.receive_reply("8", "second")
    order.incoming.receive_reply("7", "first")
    assert order.passed_on == [b"1", "first", b"1", "second", b"2"]
    assert order.incoming.newest(NEWS) == StreamId(2, 0)
    assert order.incoming.received(NEWS) == START


def test_a_reply_that_does_not_come_holds_nothing_up() -> None:
    order = Order()
    for marker in ("7", "8"):
        order.incoming.expect_reply(NEWS, marker, order.passed_on.append)
        order.incoming.receive_marker(NEWS, marker.encode())
        order.event(int(marker))
    order.incoming.receive_reply("8", "second")
    order.incoming.forget_reply("7")
    order.incoming.forget_reply("7")
    assert order.passed_on == [b"7", "second", b"8"]


@pytest.mark.parametrize("way", ["live", "postponed", "logged"])
def test_an_event_has_the_order_of_its_topic_whatever_way_it_comes(way: str) -> None:
    """By that its number is known, wherever it was seen first. With 64 partitions it is another than its partition."""
    order = Order()
    if way != "live":
        order.incoming.catch_up()
    order.logged(1) if way == "logged" else order.event(1)
    order.incoming.caught_up()
    assert order.orders == [KEYS.topic(APP, "news").order]
    assert order.orders != [NEWS]


def test_events_behind_a_marker_come_at_the_end_of_the_session() -> None:
    order = Order()
    order.incoming.expect_reply(NEWS, "7", order.passed_on.append)
    order.incoming.receive_marker(NEWS, b"7")
    order.event(1)
    order.event(2)
    order.incoming.session_ended()
    assert order.passed_on == [b"1", b"2"]
    order.incoming.receive_reply("7", "too late")
    assert order.passed_on == [b"1", b"2"]


def test_events_that_wait_for_the_log_do_not_come_before_it() -> None:
    order = Order()
    order.incoming.catch_up()
    order.event(2)
    order.incoming.session_ended()
    assert order.passed_on == []


def test_events_wait_while_the_log_is_read() -> None:
    order = Order()
    order.event(1)
    order.incoming.catch_up()
    order.event(4)
    order.event(3)
    for ms in (1, 2, 3):
        order.logged(ms)
    assert order.passed_on == [b"1", b"2", b"3"]
    order.incoming.caught_up()
    assert order.passed_on == [b"1", b"2", b"3", b"4"]
    assert not order.incoming.is_catching_up
    assert order.incoming.received(NEWS) == StreamId(3, 0)


def test_what_is_too_much_to_wait_is_read_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_events, "MAX_POSTPONED_BYTES", 2000)
    order = Order()
    order.incoming.expect_reply(NEWS, "7", order.passed_on.append)
    order.incoming.catch_up()
    order.incoming.receive_marker(NEWS, b"7")
    for ms in range(1, 10):
        order.event(ms)
    was_behind = order.incoming.is_behind
    order.incoming.read_on()
    assert (was_behind, order.incoming.is_behind) == (True, False)
    for ms in range(1, 10):
        order.logged(ms)
    order.incoming.receive_reply("7", "reply")
    order.incoming.caught_up()
    assert order.passed_on == [b"%d" % ms for ms in range(1, 10)] + ["reply"]
    assert not order.overflows


def test_too_much_behind_a_reply_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_events, "MAX_POSTPONED_BYTES", 2000)
    order = Order()
    order.incoming.expect_reply(NEWS, "7", order.passed_on.append)
    order.incoming.receive_marker(NEWS, b"7")
    for ms in range(1, 10):
        order.event(ms)
    assert order.overflows


def test_positions_can_be_moved_by_heartbeats() -> None:
    order = Order()
    order.incoming.rewind_to({NEWS: StreamId(5, 0)})  # nothing is known of that partition
    assert order.incoming.newest(NEWS) == START
    order.event(9)
    order.incoming.rewind_to({NEWS: StreamId(5, 0)})
    order.event(6)
    assert order.passed_on == [b"9", b"6"]
    order.incoming.advance_to(NEWS, StreamId(8, 0))
    assert order.incoming.received(NEWS) == order.incoming.newest(NEWS) == StreamId(8, 0)


def test_a_log_that_ends_before_what_was_received_takes_that_back() -> None:
    order = Order()
    order.incoming.advance_to(NEWS, StreamId(9, 0))
    order.incoming.rewind_to({NEWS: StreamId(20, 0)})
    assert order.incoming.received(NEWS) == StreamId(9, 0)
    order.incoming.rewind_to({NEWS: StreamId(5, 0)})
    assert order.incoming.received(NEWS) == order.incoming.newest(NEWS) == StreamId(5, 0)


def test_what_no_longer_waits_counts_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_events, "MAX_POSTPONED_BYTES", 2000)
    order = Order()
    for number in range(1, 10):
        marker = str(number)
        order.incoming.expect_reply(NEWS, marker, order.passed_on.append)
        order.incoming.receive_marker(NEWS, marker.encode())
        order.event(2 * number)
        order.event(2 * number + 1)
        order.incoming.receive_reply(marker, "reply")
    assert not order.overflows
    assert len(order.passed_on) == 9 * 3


def test_a_new_session_forgets_what_waits_and_keeps_the_positions() -> None:
    order = Order()
    order.event(5)
    order.incoming.catch_up()
    order.event(6)
    order.incoming.reset(forget_positions=False)
    assert order.incoming.newest(NEWS) == StreamId(5, 0)
    order.event(5)
    order.event(7)
    assert order.passed_on == [b"5", b"7"]
    order.incoming.reset(forget_positions=True)
    order.event(1)
    assert order.passed_on == [b"5", b"7", b"1"]


def test_a_new_session_knows_no_question_and_no_time_of_the_one_before() -> None:
    order = Order()
    assert not order.incoming.is_behind
    order.incoming.expect_reply(NEWS, "7", order.passed_on.append)
    order.incoming.receive_reply("7", "before")
    order.incoming.set_time(NEWS, 1_000)
    order.incoming.advance_to(NEWS, StreamId(9, 0))
    order.incoming.reset(forget_positions=True)
    assert order.incoming.set_time(NEWS, 10 * MAX_AHEAD_MS)
    assert order.incoming.received(NEWS) == START
    order.incoming.receive_marker(NEWS, b"7")
    order.event(1)
    order.incoming.expect_reply(NEWS, "7", order.passed_on.append)
    order.incoming.receive_marker(NEWS, b"7")
    order.event(2)
    order.incoming.receive_reply("7", "now")
    assert order.passed_on == [b"1", "now", b"2"]


def test_a_false_position_concerns_its_own_channel() -> None:
    order = Order()
    order.event(1_000)
    order.event(9_000, SAME)  # somebody else wrote this
    order.event(1_001)
    order.event(1_001, SAME)
    assert order.passed_on == [b"1000", b"9000", b"1001"]
    assert order.incoming.received(NEWS) == START  # from where the log is read


def test_a_position_that_no_clock_has_reached_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    order = Order()
    assert order.incoming.set_time(NEWS, 1_000)
    order.event(1_000 + MAX_AHEAD_MS * 2)
    order.event(1_000)
    assert order.passed_on == [b"1000"]
    assert order.invalid.count == 1
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.__dict__["key"] == KEYS.topic(APP, "news").channel
    assert order.incoming.set_time(NEWS, 2_000)
    assert not order.incoming.set_time(NEWS, 2_000 + MAX_AHEAD_MS * 2)  # the clock has jumped
    assert order.incoming.set_time(NEWS, 2_000)  # back: nothing was refused
    order.incoming.reset(forget_positions=False)
    order.event(10**15)
    assert order.passed_on == [b"1000", b"%d" % 10**15]


def test_time_goes_on_between_two_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(incoming_events, "time", SimpleNamespace(monotonic=lambda: now))
    order = Order()
    order.incoming.set_time(NEWS, 1_000)
    now += 5
    order.event(6_001 + MAX_AHEAD_MS)
    order.event(6_000 + MAX_AHEAD_MS)
    assert order.passed_on == [b"%d" % (6_000 + MAX_AHEAD_MS)]


@pytest.mark.parametrize("of", ["news", ""])
def test_an_event_of_another_channel_is_refused(of: str) -> None:
    order = Order()
    order.receive(b"5-0\n" + packed(5, of), SAME)
    order.receive(b"5-0\n" + pack("n", 1, PublishedEvent("app2", "news", b"x")), "news")
    assert order.passed_on == []
    assert order.invalid.count == 2


def test_a_reply_is_ahead_of_what_the_log_has_behind_its_place() -> None:
    """Else who is counted with it gets neither: the event is not in the reply, and was delivered before."""
    order = Order()
    order.incoming.catch_up()
    order.incoming.expect_reply(NEWS, "1", order.passed_on.append)
    order.incoming.receive_marker(NEWS, b"1")
    reply = [b"5-0", "the reply"]
    order.incoming.receive_reply("1", reply)
    order.logged(4)
    order.logged(5)
    order.logged(6)
    order.incoming.caught_up()
    assert order.passed_on == [b"4", b"5", reply, b"6"]


@given(data=st.binary(max_size=200))
def test_incoming_takes_any_bytes(data: bytes) -> None:
    order = Order()
    order.receive(data)
    order.receive(b"5-0\n" + data)
    order.receive(data + b"\n" + data)
    order.incoming.receive_marker(NEWS, data)
    order.incoming.receive_logged(NEWS, KEYS.logs[NEWS], data, data)
    assert order.invalid.count + len(order.passed_on) >= 3


def test_an_older_position_is_not_passed_on() -> None:
    order = Order()
    for number, stream_id in enumerate((b"5-0", b"5-0", b"4-9", b"5-1")):
        event = msgspec.msgpack.encode([1, "n", 1, APP, "news", b"%d" % number, None])
        order.receive(stream_id + b"\n" + event)
    assert order.passed_on == [b"0", b"3"]
