"""A worker's side of the log of its host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from revurb.bus.hub import log_reader
from revurb.bus.hub.event_log import LogDescriptors, shared_log
from revurb.bus.relay.relay_reader import RelayReader
from revurb.bus.relay.relay_records import (
    RelayedMessage,
    RelayRecord,
    RelayRecords,
    SubscribedAt,
    channel_bucket,
)
from tests.bus.relay.relayed_host import until

NEWS = channel_bucket(b"news")


@pytest.fixture
def log() -> Iterator[LogDescriptors]:
    with shared_log(4, 1 << 10, 1 << 20) as descriptors:
        yield descriptors


class Reading:
    """A reader that wants one channel, and what it has read."""

    def __init__(self, log: LogDescriptors) -> None:
        self.records: list[RelayRecord] = []
        self.missed: list[int] = []
        self.reader = RelayReader(log)
        self.reader.start()
        self.reader.add_channel(b"news")

    def begin(self) -> None:
        self.reader.begin(self.records.extend, self.missed.append)


def news(*numbers: int) -> list[RelayedMessage]:
    return [RelayedMessage(b"news", b"%d" % number) for number in numbers]


async def test_what_is_appended_is_read_from_the_beginning_on_without_asking(log: LogDescriptors) -> None:
    reading, records = Reading(log), RelayRecords(log)
    records.append(b"news", b"0")
    reading.begin()
    for number in range(1, 4):
        records.append(b"news", b"%d" % number)
        records.append(b"other", b"x")
    records.subscribed(reading.reader.token, 1, b"more")
    records.subscribed(reading.reader.token + 1, 1, b"somebody else's")
    await until(lambda: len(reading.records) == 4)
    assert reading.records == [*news(1, 2, 3), SubscribedAt(1, [b"more"])]
    reading.reader.end()
    records.append(b"news", b"4")
    reading.reader.look()
    reading.begin()
    records.append(b"news", b"5")
    await until(lambda: len(reading.records) == 5)
    assert reading.records[4:] == news(5)
    assert reading.missed == []
    reading.reader.stop()
    records.append(b"news", b"6")
    reading.reader.look()
    assert not reading.reader.has_unread
    assert len(reading.records) == 5
    records.close()


async def test_a_channel_is_read_as_long_as_it_is_added(log: LogDescriptors) -> None:
    reading, records = Reading(log), RelayRecords(log)
    reading.begin()
    reading.reader.add_channel(b"news")
    reading.reader.remove_channel(b"news")
    records.append(b"news", b"1")
    reading.reader.look()
    reading.reader.remove_channel(b"news")
    records.append(b"news", b"2")
    reading.reader.look()
    assert reading.records == news(1)
    reading.reader.stop()
    records.close()


async def test_what_is_held_is_read_later(log: LogDescriptors) -> None:
    reading, records = Reading(log), RelayRecords(log)
    reading.begin()
    reading.reader.hold()
    records.append(b"news", b"1")
    reading.reader.look()
    assert reading.records == []
    assert reading.reader.has_unread
    reading.reader.read_on()
    assert reading.records == []  # in the next turn
    await until(lambda: reading.records == news(1))
    reading.reader.stop()
    records.close()


async def test_reading_takes_turns(log: LogDescriptors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "TURN_S", 0.0)
    reading, records = Reading(log), RelayRecords(log)
    reading.begin()
    for number in range(1000):
        records.append(b"news", b"%d" % number)
    reading.reader.look()
    assert len(reading.records) == log_reader.READ_RECORDS
    await until(lambda: len(reading.records) == 1000)
    assert reading.records == news(*range(1000))
    reading.reader.stop()
    records.close()


async def test_what_was_overwritten_is_told_once_and_nothing_behind_it(log: LogDescriptors) -> None:
    reading, records = Reading(log), RelayRecords(log)
    reading.begin()
    reading.reader.hold()
    for number in range(2000):
        records.append(b"news", b"%d" % number)
    reading.reader.read_on()
    await until(lambda: not reading.reader.has_unread)
    assert reading.records == []
    assert len(reading.missed) == 1
    assert 2000 - (1 << 10) <= reading.missed[0] <= 2000
    reading.begin()
    records.append(b"news", b"again")
    await until(lambda: reading.records == [RelayedMessage(b"news", b"again")])
    assert len(reading.missed) == 1
    reading.reader.stop()
    records.close()


async def test_garbage_is_counted(log: LogDescriptors) -> None:
    reading, somebody = Reading(log), log.open()
    reading.begin()
    somebody.attach(2)
    for record in (b"", b"x", b"s\xff"):
        somebody.append(record, NEWS)
    somebody.append(b"m\x04\x00news1", NEWS)
    reading.reader.look()
    assert reading.records == news(1)
    assert reading.reader.invalid_messages == 3
    reading.reader.stop()


async def test_there_is_room_for_so_many_processes(log: LogDescriptors) -> None:
    readings = [Reading(log) for _ in range(4)]
    assert len({each.reader.token for each in readings}) == 4
    with pytest.raises(OSError, match="all 4 slots of the shared log are taken"):
        Reading(log)
    readings[0].reader.stop()
    Reading(log).reader.stop()
    for each in readings[1:]:
        each.reader.stop()
