"""What comes from Redis, put in order: events, markers and replies, and what the log adds after a gap."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.redis.envelope import START, Envelope, StreamId, pack
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.pusher.ports import PublishedEvent

APP = "app1"


class Order:
    """Incoming events, and everything that was passed on: texts of events, and replies."""

    def __init__(self) -> None:
        self.passed_on: list[Any] = []
        self.incoming = IncomingEvents(
            lambda partition, position, envelope: self.passed_on.append(envelope.text)
        )

    def event(self, ms: int, partition: int = 1) -> None:
        self.incoming.receive_event(partition, b"%d-0\n" % ms + packed(ms))


def packed(ms: int) -> bytes:
    return pack("n", ms, PublishedEvent(APP, "news", b"%d" % ms))


def test_a_reply_has_the_place_of_its_marker() -> None:
    order = Order()
    order.incoming.expect_reply(1, "7", order.passed_on.append)
    order.event(1)
    order.incoming.receive_reply("7", "reply")  # before its marker
    order.event(2)
    order.incoming.receive_marker(1, b"7")
    order.event(3)
    assert order.passed_on == [b"1", b"2", "reply", b"3"]


def test_events_behind_a_marker_wait_for_the_reply() -> None:
    order = Order()
    for marker in ("7", "8"):
        order.incoming.expect_reply(1, marker, order.passed_on.append)
    order.incoming.receive_marker(1, b"7")
    order.event(1)
    order.incoming.receive_marker(1, b"8")
    order.event(2)
    order.event(1, partition=2)
    assert order.passed_on == [b"1"]  # that of the other partition
    order.incoming.advance_to(1, StreamId(9, 0))  # ignored meanwhile
    order.incoming.receive_reply("8", "second")
    order.incoming.receive_reply("7", "first")
    assert order.passed_on == [b"1", "first", b"1", "second", b"2"]
    assert order.incoming.newest(1) == StreamId(2, 0)


def test_events_wait_while_the_log_is_read() -> None:
    order = Order()
    order.event(1)
    order.incoming.catch_up()
    order.event(4)
    order.event(3)
    for ms in (2, 3):
        order.incoming.receive_logged(1, b"%d-0" % ms, packed(ms))
    assert order.passed_on == [b"1", b"2", b"3"]
    order.incoming.caught_up()
    assert order.passed_on == [b"1", b"2", b"3", b"4"]
    assert not order.incoming.is_catching_up


def test_positions_can_be_moved_by_heartbeats() -> None:
    order = Order()
    order.incoming.rewind_to(1, StreamId(5, 0))  # nothing is known of that partition
    assert order.incoming.newest(1) == START
    order.event(9)
    order.incoming.rewind_to(1, StreamId(5, 0))
    order.event(6)
    assert order.passed_on == [b"9", b"6"]
    order.incoming.advance_to(1, StreamId(8, 0))
    order.event(7)
    assert order.passed_on == [b"9", b"6"]


def test_a_new_session_forgets_what_waits_and_keeps_the_positions() -> None:
    order = Order()
    order.event(5)
    order.incoming.catch_up()
    order.event(6)
    order.incoming.reset(forget_positions=False)
    assert order.incoming.newest(1) == StreamId(5, 0)
    order.event(5)
    order.event(7)
    assert order.passed_on == [b"5", b"7"]
    order.incoming.reset(forget_positions=True)
    order.event(1)
    assert order.passed_on == [b"5", b"7", b"1"]


@given(data=st.binary(max_size=200))
def test_incoming_takes_any_bytes(data: bytes) -> None:
    got: list[Envelope] = []
    incoming = IncomingEvents(lambda number, position, envelope: got.append(envelope))
    incoming.receive_event(1, data)
    incoming.receive_event(1, b"5-0\n" + data)
    incoming.receive_event(1, data + b"\n" + data)
    incoming.receive_marker(1, data)
    assert incoming.invalid_messages + len(got) >= 2


def test_an_older_position_is_not_passed_on() -> None:
    got: list[StreamId] = []
    incoming = IncomingEvents(lambda number, position, envelope: got.append(position))
    event = msgspec.msgpack.encode([1, "n", 1, APP, "news", b"x", None])
    for stream_id in (b"5-0", b"5-0", b"4-9", b"5-1"):
        incoming.receive_event(1, stream_id + b"\n" + event)
    assert got == [StreamId(5, 0), StreamId(5, 1)]
