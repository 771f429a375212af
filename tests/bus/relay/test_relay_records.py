"""What a relay appends to the log of its host."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from revurb._speedups.shared_log import SharedLog
from revurb.bus.hub.event_log import EVERYONE, LogDescriptors, shared_log
from revurb.bus.relay.relay_records import (
    MAX_CHANNEL_BYTES,
    RelayedMessage,
    RelayRecords,
    SessionBeginning,
    SubscribedAt,
    channel_bucket,
    read_record,
)


@pytest.fixture
def log() -> Iterator[LogDescriptors]:
    with shared_log(4, 1 << 10, 1 << 18) as descriptors:
        yield descriptors


class Wanting:
    """A process of the host that wants some channels."""

    def __init__(self, log: LogDescriptors, *channels: bytes) -> None:
        self.log: SharedLog = log.open()
        self.log.attach(1, EVERYONE)
        for channel in channels:
            self.log.add_topic(channel_bucket(channel))

    def heard(self) -> list[object]:
        return [read_record(data or b"") for data in self.log.read(1000)]


async def test_messages_come_to_those_who_want_the_channel(log: LogDescriptors) -> None:
    first, second = Wanting(log, b"news"), Wanting(log, b"\xff", b"x" * MAX_CHANNEL_BYTES)
    records = RelayRecords(log)
    records.append(b"news", b"\x00\xff")
    records.append(b"\xff", b"")
    records.append(b"x" * MAX_CHANNEL_BYTES, b"long")
    records.append(b"nobody", b"1")
    assert first.heard() == [RelayedMessage(b"news", b"\x00\xff")]
    assert second.heard() == [RelayedMessage(b"\xff", b""), RelayedMessage(b"x" * MAX_CHANNEL_BYTES, b"long")]
    records.close()
    records.append(b"news", b"too late")
    assert first.heard() == []


async def test_a_subscription_is_told_to_its_worker_alone_at_its_place(log: LogDescriptors) -> None:
    first, second = Wanting(log, b"news"), Wanting(log, b"news")
    records = RelayRecords(log)
    records.append(b"news", b"1")
    records.subscribed(second.log.token, 7, b"news")
    records.subscribed(second.log.token, 7, b"more")
    records.append(b"news", b"2")
    records.subscribed(second.log.token, 8, b"last")  # nothing comes behind it
    assert first.heard() == [RelayedMessage(b"news", b"1"), RelayedMessage(b"news", b"2")]
    found = second.heard()
    await asyncio.sleep(0)  # what nothing comes behind is appended at the end of the turn
    found += second.heard()
    assert found == [
        RelayedMessage(b"news", b"1"),
        SubscribedAt(7, [b"news", b"more"]),
        RelayedMessage(b"news", b"2"),
        SubscribedAt(8, [b"last"]),
    ]
    records.close()


async def test_a_session_begins_for_everyone_and_confirms_nothing_of_the_one_before(
    log: LogDescriptors,
) -> None:
    worker = Wanting(log)
    records = RelayRecords(log)
    records.subscribed(worker.log.token, 1, b"news")
    records.session_begins()
    records.append(b"news", b"1")
    assert worker.heard() == [SessionBeginning()]
    records.close()


async def test_a_message_that_is_too_large_is_refused(log: LogDescriptors) -> None:
    records = RelayRecords(log)
    with pytest.raises(ValueError, match="a record of the shared log has at most"):
        records.append(b"news", b"x" * (1 << 17))
    records.append(b"news", b"x" * (1 << 16))
    records.close()


@pytest.mark.parametrize("record", [b"", b"x", b"s", b"s\xff", b"s\x91\x01", b"s\x92\x01\x91\x01"])
def test_anything_else_is_no_record(record: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_record(record)
