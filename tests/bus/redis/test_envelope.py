"""An event on its way through Redis."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.bus.redis.envelope import VERSION, Envelope, StreamId, pack, parse_stream_id, unpack
from revurb.pusher.ports import PublishedEvent
from tests.bus.arbitrary import anything

EVENT = PublishedEvent("app1", "news", b"x", "1.1")
WIRE = [1, "n1", 7, "app1", "news", b"x", "1.1"]


def test_an_envelope_is_what_other_versions_send_and_expect() -> None:
    assert pack("n1", 7, EVENT) == msgspec.msgpack.encode(WIRE)
    assert unpack(msgspec.msgpack.encode(WIRE)) == Envelope(VERSION, "n1", 7, "app1", "news", b"x", "1.1")


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        unpack(msgspec.msgpack.encode([2, *WIRE[1:]]))


def test_stream_ids_are_ordered_by_time_and_number() -> None:
    assert parse_stream_id(b"5-3") == StreamId(5, 3)
    assert StreamId(5, 3) < StreamId(5, 3).after() == StreamId(5, 4) < StreamId(6, 0)
    for wrong in (b"", b"5", b"a-b", b"5-", b"-5-3", b"5--3", b" 5-3", b"5_0-3", b"5-3-1"):
        with pytest.raises(ValueError, match=f"not a position in a stream: {wrong!r}"):
            parse_stream_id(wrong)


@given(value=st.lists(anything, max_size=8))
def test_envelopes_are_read_or_refused(value: list[object]) -> None:
    with contextlib.suppress(ValueError):
        unpack(msgspec.msgpack.encode(value))
