"""Events in the log that processes share: what comes out is what went in, and nothing is made of garbage."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb._speedups.log_events import EventChannels
from revurb._speedups.shared_log import SharedLog, topic_bucket
from tests.speedups.logs import RING_BYTES, LogMemory, log_memory

NEWS = ("app", "news")
FLAG, EVENT = 4, 0x8000
Event = tuple[str, str, bytes, str | None, int]


@pytest.fixture
def memory() -> Iterator[LogMemory]:
    with log_memory() as made:
        yield made


def make(
    app_id: str, channel: str, text: bytes, except_socket_id: str | None, cache_ttl_s: int, *history: object
) -> Event:
    return app_id, channel, text, except_socket_id, cache_ttl_s


class Reader:
    """A process that wants some channels."""

    def __init__(self, memory: LogMemory, *keys: tuple[str, str], pid: int = 2, flags: int = 0) -> None:
        self.channels = EventChannels(make)
        self.log = memory.attached(pid, flags, *(topic_bucket(*key) for key in keys))
        for key in keys:
            assert self.channels.add(key)

    def read(self, own: int = 0) -> list[bytes | Event | None]:
        return self.log.read(1000, own, self.channels)


def test_an_event_is_read_as_it_was_appended(memory: LogMemory) -> None:
    writer, reader = memory.attached(1), Reader(memory, NEWS, ("ä", ""))
    events: list[Event] = [
        (*NEWS, b"text", None, 0),
        (*NEWS, b"", "1.2", 1800),
        ("ä", "", b"\xff\x00", "", 1 << 63),
    ]
    assert [writer.append_event(*event) for event in events] == [1, 2, 3]
    assert reader.read() == events
    assert (reader.log.has_unread, reader.log.missed) == (False, 0)
    assert (reader.channels.taken, reader.channels.invalid) == (3, 0)


def test_the_names_of_an_event_are_those_that_were_added(memory: LogMemory) -> None:
    key = ("an app", "a channel")
    reader = Reader(memory, key)
    reader.log.append_event("an app", "a channel", b"x")
    [event] = reader.read()
    assert isinstance(event, tuple)
    assert event[0] is key[0]
    assert event[1] is key[1]


def test_events_and_other_records_have_one_order(memory: LogMemory) -> None:
    writer, reader = memory.attached(1), Reader(memory, NEWS)
    writer.append_event(*NEWS, b"1")
    writer.append(b"message", topic_bucket(*NEWS))
    own = reader.log.append_event(*NEWS, b"own")
    writer.append_event(*NEWS, b"2")
    assert reader.read(own) == [(*NEWS, b"1", None, 0), b"message", None, (*NEWS, b"2", None, 0)]
    writer.append_event(*NEWS, b"3")
    [data] = reader.log.read(10)  # who knows no channels gets bytes
    assert isinstance(data, bytes)
    assert data.endswith(b"news3")
    with pytest.raises(ValueError, match="flag 0x8000"):
        writer.append(b"x", topic_bucket(*NEWS), EVENT)


def test_channels_of_one_bucket_are_not_taken_for_each_other(memory: LogMemory) -> None:
    names: dict[int, str] = {}
    for number in range(100_000):
        name = f"channel-{number}"
        other = names.setdefault(topic_bucket("app", name), name)
        if other != name:
            break
    writer, reader = memory.attached(1), Reader(memory, ("app", name))
    for each in (other, name, name + "x", name[:-1]):
        writer.append_event("app", each, each.encode())
    writer.append_event("ap", "p" + name, b"another app's")
    assert reader.read() == [("app", name, name.encode(), None, 0)]
    assert (reader.log.cursor, reader.log.missed) == (5, 0)


def test_what_is_flagged_is_read_whatever_its_channel(memory: LogMemory) -> None:
    writer, reader = memory.attached(1), Reader(memory, flags=FLAG)
    writer.append_event("app", "é", b"no", None, 0, 1)
    writer.append_event("app", "é", b"yes", None, 7, FLAG | 1)
    assert reader.read() == [("app", "é", b"yes", None, 7)]


def test_who_wants_an_event_is_woken(memory: LogMemory) -> None:
    writer = memory.attached(1)
    Reader(memory, NEWS)
    for channel, is_woken in (("other", False), ("news", True)):
        writer.append_event("app", channel, b"x")
        assert writer.has_to_wake == is_woken
        writer.wake()
        assert memory.is_woken(1) == is_woken


def test_a_process_is_told_whether_it_wants_its_own(memory: LogMemory) -> None:
    log = Reader(memory, NEWS, flags=FLAG).log
    for channel, flags, wanted in (
        ("news", 0, True),
        ("no", 0, False),
        ("no", FLAG | 1, True),
        ("no", 1, False),
    ):
        log.append_event("app", channel, b"x", None, 0, flags)
        assert log.wants_own == wanted


def test_channels_are_added_once() -> None:
    channels = EventChannels(make)
    assert channels.add(NEWS)
    assert not channels.add(("app", "news"))
    assert NEWS in channels
    assert ("app", "other") not in channels
    assert len(channels) == 1
    assert channels.remove(NEWS)
    assert not channels.remove(NEWS)
    assert NEWS not in channels
    for key in (("app",), ("app", 1), ("app", "news", "x")):
        with pytest.raises((TypeError, ValueError)):
            channels.add(key)  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        channels.add(("app", "\ud800"))


def test_an_event_that_is_too_large_is_refused_and_the_largest_is_not(memory: LogMemory) -> None:
    reader = Reader(memory, NEWS)
    most = reader.log.max_record_bytes - (24 + 1 + len("appnews") + len("1.2"))
    for _ in range(5):
        reader.log.append_event(*NEWS, b"x" * most, "1.2")
        assert reader.read() == [(*NEWS, b"x" * most, "1.2", 0)]
    for text, app_id in ((b"x" * (most + 1), "app"), (b"", "x" * (RING_BYTES // 2))):
        with pytest.raises(ValueError, match="at most"):
            reader.log.append_event(app_id, "news", text, "1.2")
    with pytest.raises(UnicodeEncodeError):
        reader.log.append_event("app", "\ud800", b"x")
    assert (reader.log.tail, reader.log.missed) == (5, 0)


def test_events_that_are_overwritten_are_missed(memory: LogMemory) -> None:
    writer, reader = memory.attached(1), Reader(memory, NEWS)
    for number in range(12):
        writer.append_event(*NEWS, bytes([number]) * (RING_BYTES // 5))
    texts = [event[2][0] for event in reader.read() if isinstance(event, tuple)]
    assert texts == [*range(12)][-len(texts) :]
    assert reader.log.missed == 12 - len(texts)


def test_without_a_slot_no_event_is_appended(memory: LogMemory) -> None:
    with pytest.raises(ValueError, match="not attached"):
        memory.open().append_event(*NEWS, b"x")


def head(app: int, channel: int, except_id: int) -> bytes:
    """A `log_event_head`: see log_events.h."""
    return struct.pack("QIIII", 0, app, channel, except_id, 0)


def overwritten_with(memory: LogMemory, reader: Reader, data: bytes) -> list[bytes | Event | None]:
    """What is read of an event whose record somebody wrote nonsense over."""
    reader.log.append_event(*NEWS, b"x" * 100)
    view = Path(f"/proc/self/fd/{memory.fd}").read_bytes()
    at = view.rindex(struct.pack("QIIII", 0, 3, 4, 0xFFFFFFFF, 0) + b"app\xffnews" + b"x" * 100)
    os.pwrite(memory.fd, data, at)
    return reader.read()


@pytest.mark.parametrize(
    "sizes",
    [
        (132, 0, 0xFFFFFFFF), (108, 0, 0xFFFFFFFF), (0xFFFFFFFF, 0, 0), (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE),
        (3, 0xFFFFFFFC, 0),
        (3, 105, 0xFFFFFFFF), (3, 4, 0xFFFFFFFE), (3, 4, 101),
    ],
)  # fmt: skip
def test_lengths_that_cannot_be_lead_nowhere(memory: LogMemory, sizes: tuple[int, int, int]) -> None:
    reader = Reader(memory, NEWS, flags=EVENT)
    assert overwritten_with(memory, reader, head(*sizes)) == []
    assert reader.channels.invalid == 1
    reader.log.append_event(*NEWS, b"next")
    assert reader.read() == [(*NEWS, b"next", None, 0)]


@pytest.mark.parametrize(
    "data",
    [head(3, 4, 0xFFFFFFFF) + b"app\xff\xff\xfe\xfd\xfc", head(3, 4, 5) + b"app\xffnews\xff\xff\xff\xff\xff"],
)
def test_names_that_are_no_text_are_counted(memory: LogMemory, data: bytes) -> None:
    reader = Reader(memory, NEWS, flags=EVENT)
    assert overwritten_with(memory, reader, data) == []
    assert reader.channels.invalid == 1


@given(st.binary(max_size=140))
@settings(max_examples=200, deadline=None)
def test_garbage_is_an_event_or_counted_and_nothing_outside_of_its_record(data: bytes) -> None:
    with log_memory() as memory:
        reader = Reader(memory, NEWS, flags=EVENT)
        events = overwritten_with(memory, reader, data[:132])
        assert len(events) + reader.channels.invalid == 1
        for event in events:
            assert isinstance(event, tuple)
            position = len(b',"id":"-1"}')  # of one with history
            size = sum(len(part) for part in (event[0].encode(), event[1].encode(), event[2]))
            assert size <= 132 - 25 + position


@given(
    st.lists(st.tuples(st.integers(0, 1), st.text(max_size=9), st.text(max_size=9), st.binary(max_size=99)))
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_appended_everyone_reads_it_once(events: list[tuple[int, str, str, bytes]]) -> None:
    with log_memory(places=1024, ring_bytes=1 << 18) as memory:
        logs: list[SharedLog] = [memory.attached(pid) for pid in (1, 3)]
        reader = Reader(memory, *dict.fromkeys((app_id, channel) for _, app_id, channel, _ in events))
        for writer, app_id, channel, text in events:
            logs[writer].append_event(app_id, channel, text)
        assert reader.read() == [(app_id, channel, text, None, 0) for _, app_id, channel, text in events]


def test_of_a_channel_with_history_each_has_its_position(memory: LogMemory) -> None:
    def made(*event: object) -> tuple[object, ...]:
        return event

    writer, log = memory.attached(1), memory.attached(2, 0, topic_bucket(*NEWS))
    channels = EventChannels(made, b"epoch")
    channels.add(NEWS)
    bounds = (2**32 - 1, 7, 2**64 - 1)
    writer.append_event(*NEWS, b"{}", None, 0)
    writer.append_event(*NEWS, b'{"a":1}', "1.2", 0, 0, bounds)
    assert log.read(10, 0, channels) == [
        (*NEWS, b"{}", None, 0),
        (*NEWS, b'{"a":1,"id":"epoch-2"}', "1.2", 0, bounds, 2),
    ]
    assert channels.placed(b"{}", 2**64 - 1) == b'{,"id":"epoch-18446744073709551615"}'
    for kept in ((1, 2), (-1, 1, 1), (2**32, 1, 1), 5, "abc"):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            writer.append_event(*NEWS, b"{}", None, 0, 0, kept)  # type: ignore[arg-type]
    most = writer.max_record_bytes - (24 + 1 + len("appnews") + 16)
    writer.append_event(*NEWS, b"x" * most, None, 0, 0, bounds)
    with pytest.raises(ValueError, match="at most"):
        writer.append_event(*NEWS, b"x" * (most + 1), None, 0, 0, bounds)


@pytest.mark.parametrize(("app_bytes", "is_invalid"), [(107, True), (132 - 24 - 1 - 4 - 16, False)])
def test_bounds_that_have_no_room_in_their_record_are_none(
    memory: LogMemory, app_bytes: int, is_invalid: bool
) -> None:
    reader = Reader(memory, NEWS, flags=EVENT)
    data = struct.pack("QIIII", 0, app_bytes, 0 if is_invalid else 4, 0xFFFFFFFF, 1)
    overwritten_with(memory, reader, data + b"a" * app_bytes + b"\xff")
    assert reader.channels.invalid == is_invalid
