"""The log that processes share: one order for all, whoever dies; who is lapped is told."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb._speedups.shared_log import topic_bucket
from tests.speedups.logs import PLACES, RING_BYTES, LogMemory, log_memory

NEWS, OTHER = topic_bucket("app", "news"), topic_bucket("app", "other")
FLAG = 4
ENDS_AT = 392  # where `ends` of the first slot is, behind `reserved`: struct log_slot in shared_log.h


@pytest.fixture
def memory() -> Iterator[LogMemory]:
    with log_memory() as made:
        yield made


def test_all_read_the_same_in_the_order_of_the_places(memory: LogMemory) -> None:
    one, two = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
    positions = [log.append(b"%d" % number, NEWS) for number, log in enumerate((one, two, two, one))]
    assert positions == [1, 2, 3, 4]
    assert one.read(10) == two.read(10) == [b"0", b"1", b"2", b"3"]
    assert (one.tail, one.cursor, two.cursor) == (4, 4, 4)
    assert one.read(10) == []
    assert not one.has_unread


def test_a_process_reads_what_it_wants_and_passes_the_rest(memory: LogMemory) -> None:
    writer, reader, flagged = memory.attached(1), memory.attached(2, 0, NEWS), memory.attached(3, FLAG)
    writer.append(b"other", OTHER)
    writer.append(b"news", NEWS)
    writer.append(b"flag", OTHER, FLAG | 1)
    writer.append(b"for one", NEWS, FLAG, flagged.token)
    assert reader.read(10) == [b"news"]
    assert flagged.read(10) == [b"flag", b"for one"]
    assert reader.cursor == flagged.cursor == 4


def test_a_topic_is_read_as_long_as_somebody_wants_it(memory: LogMemory) -> None:
    reader = memory.attached(1, 0, NEWS, NEWS)
    reader.remove_topic(NEWS)
    reader.append(b"1", NEWS)
    assert reader.read(10) == [b"1"]
    reader.remove_topic(NEWS)
    reader.remove_topic(NEWS)  # once too often
    reader.append(b"2", NEWS)
    assert reader.read(10) == []
    reader.add_topic(NEWS)
    reader.append(b"3", NEWS)
    assert reader.read(10) == [b"3"]


def test_ones_own_record_is_taken_if_it_is_next(memory: LogMemory) -> None:
    one, two = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
    assert one.take(one.append(b"first", NEWS))
    two.append(b"another's", NEWS)
    own = one.append(b"own", NEWS)
    assert not one.take(own)
    assert one.read(10, own) == [b"another's", None]
    assert two.read(10) == [b"first", b"another's", b"own"]


def test_ones_own_record_is_taken_over_what_is_not_wanted(memory: LogMemory) -> None:
    one, two = memory.attached(1, 0, NEWS), memory.attached(2)
    for _ in range(3):
        two.append(b"other", OTHER)
    assert one.take(one.append(b"own", NEWS))
    assert one.cursor == 4
    two.append(b"other", OTHER)
    two.append(b"another's", NEWS)
    own = one.append(b"own", NEWS)
    assert not one.take(own)
    assert one.read(10, own) == [b"another's", None]
    assert two.read(10) == []
    for number in range(PLACES + 1):  # who has no topics at all is as far behind as others
        one.append(b"%d" % number, NEWS)
    assert not two.take(two.append(b"own", NEWS))
    assert two.read(1) == []
    assert two.missed == 2


def test_who_has_no_topics_looks_at_what_is_flagged_or_addressed(memory: LogMemory) -> None:
    writer, reader = memory.attached(1), memory.attached(2, FLAG, NEWS)
    reader.remove_topic(NEWS)
    for _ in range(12):
        writer.append(b"x" * (RING_BYTES // 5), NEWS)  # the ring has room for a few
    writer.append(b"flagged", NEWS, FLAG)
    writer.append(b"addressed", NEWS, 0, reader.token)
    writer.append(b"for another flag", NEWS, 1)
    assert reader.read(100) == [b"flagged", b"addressed"]
    assert (reader.missed, reader.has_unread) == (0, False)
    reader.add_topic(OTHER)
    reader.add_topic(NEWS)
    reader.remove_topic(OTHER)
    writer.append(b"news", NEWS)
    assert reader.read(100) == [b"news"]


def test_a_record_has_the_position_that_it_was_to_have_or_none(memory: LogMemory) -> None:
    one, two = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
    assert one.append(b"1", NEWS, only=1) == 1
    two.append(b"2", NEWS)
    assert one.append(b"late", NEWS, only=2) == 0
    assert one.append(b"3", NEWS, only=3) == 3
    assert two.read(10) == [b"1", b"2", b"3"]


def test_a_record_that_gets_no_place_writes_over_nothing(memory: LogMemory) -> None:
    one, two = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
    one.append(b"before", NEWS)
    two.append(b"another's", NEWS)
    for _ in range(10):
        assert one.append(b"late" * (RING_BYTES // 10), NEWS, only=2) == 0
    two.append(b"another's again", NEWS)
    assert one.append_again(3) == 0
    assert one.append(b"last", NEWS) == 4
    assert two.read(10) == [b"before", b"another's", b"another's again", b"last"]
    assert two.missed == 0


def test_a_record_that_got_no_place_is_given_a_later_one(memory: LogMemory) -> None:
    one, two = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
    with pytest.raises(ValueError, match="no record"):
        one.append_again(1)
    two.append(b"1", NEWS)
    assert one.append(b"2", NEWS, only=1) == 0
    one.wake()
    assert one.append_again(1) == 0
    assert not memory.is_woken(1)
    assert one.append_again(2) == 2
    one.wake()
    assert memory.is_woken(1)
    with pytest.raises(ValueError, match="no record"):
        one.append_again(3)
    assert two.read(10) == [b"1", b"2"]
    one.append(b"3", NEWS, only=1)
    one.detach()
    one.attach(3)
    with pytest.raises(ValueError, match="no record"):
        one.append_again(3)


def test_who_comes_reads_what_comes_then(memory: LogMemory) -> None:
    one = memory.attached(1)
    one.append(b"before", NEWS)
    two = memory.attached(2, 0, NEWS)
    one.append(b"after", NEWS)
    assert two.read(10) == [b"after"]


def test_who_sleeps_is_woken_once_and_only_for_what_it_wants(memory: LogMemory) -> None:
    writer, reader = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
    silent = memory.attached(3, 0, NEWS, wake=False)
    has_to_wake = []
    for text, topic in ((b"1", OTHER), (b"2", NEWS), (b"3", NEWS)):
        writer.append(text, topic)
        has_to_wake.append(writer.has_to_wake)
        writer.wake()
    assert has_to_wake == [False, True, True]
    assert [memory.is_woken(slot) for slot in (0, 1, 2)] == [False, True, False]
    writer.append(b"4", NEWS)
    writer.wake()
    assert not memory.is_woken(1)  # it has not looked yet
    reader.woken()
    assert reader.read(10) == silent.read(10) == [b"2", b"3", b"4"]
    writer.append(b"5", NEWS)
    writer.wake()
    assert memory.is_woken(1)


def test_a_slot_is_free_when_its_process_has_ended(memory: LogMemory) -> None:
    logs = [memory.attached(pid) for pid in (1, 2, 3, 4)]
    late = memory.open()
    with pytest.raises(OSError, match="all 4 slots") as raised:
        late.attach(5)
    assert raised.value.errno == errno.ENOSPC
    late.free(3)  # as the supervisor does
    assert late.attach(5) == 2
    logs[0].detach()
    logs[0].detach()
    assert memory.open().attach(6) == 0
    with pytest.raises(ValueError, match="attached already"):
        late.attach(7)


def test_a_successor_reads_nothing_that_its_predecessor_was_to_have(memory: LogMemory) -> None:
    writer, dead = memory.attached(1), memory.attached(2, FLAG, NEWS)
    token = dead.token
    writer.free(2)
    writer.append(b"x", NEWS, FLAG)
    successor = memory.attached(3)
    writer.append(b"for the dead", NEWS, FLAG, token)
    writer.append(b"its topic", NEWS)
    assert successor.read(10) == []
    assert successor.token != token
    assert not writer.has_to_wake


def test_without_a_slot_nothing_is_done(memory: LogMemory) -> None:
    log = memory.open()
    for call in (lambda: log.append(b"x", 1), lambda: log.read(1), log.woken, lambda: log.add_topic(1)):
        with pytest.raises(ValueError, match="not attached"):
            call()


@pytest.mark.parametrize("ahead", [1, 5, PLACES, 3 * PLACES + 7])
def test_a_reader_that_is_lapped_is_told_how_many_it_missed(memory: LogMemory, ahead: int) -> None:
    writer, reader = memory.attached(1), memory.attached(2, 0, NEWS)
    for number in range(PLACES + ahead):
        writer.append(b"%d" % number, NEWS)
    texts: list[bytes | None] = []
    while reader.has_unread:
        texts += reader.read(10)
    assert texts == [b"%d" % number for number in range(PLACES + ahead)][-len(texts) :]
    assert reader.missed == PLACES + ahead - len(texts)
    assert len(texts) >= PLACES - 1
    writer.append(b"next", NEWS)
    assert reader.read(10) == [b"next"]


def test_what_is_overwritten_in_a_ring_is_missed(memory: LogMemory) -> None:
    writer, reader = memory.attached(1), memory.attached(2, 0, NEWS)
    data = [bytes([number]) * (RING_BYTES // 5) for number in range(12)]
    for each in data:
        writer.append(each, NEWS)
    texts = reader.read(20)
    assert texts == data[-len(texts) :]
    assert len(texts) in (3, 4)
    assert reader.missed == 12 - len(texts)


def test_a_record_that_is_too_large_is_refused_and_the_largest_is_not(memory: LogMemory) -> None:
    log = memory.attached(1, 0, NEWS)
    for _ in range(5):
        log.append(b"x" * log.max_record_bytes, NEWS)
        assert log.read(1) == [b"x" * log.max_record_bytes]
    with pytest.raises(ValueError, match="at most"):
        log.append(b"x" * (log.max_record_bytes + 1), NEWS)
    assert log.missed == 0


def test_a_successor_leaves_alone_what_its_predecessor_has_placed(memory: LogMemory) -> None:
    """It was killed in the moment after: it has not noted where the record ends."""
    writer, reader = memory.attached(1), memory.attached(2, 0, NEWS)
    writer.append(b"placed", NEWS)
    assert os.pread(memory.fd, 16, ENDS_AT - 8) == struct.pack("QQ", 64, 64)
    os.pwrite(memory.fd, bytes(8), ENDS_AT)
    writer.free(1)
    memory.attached(3).append(b"next", NEWS)
    assert reader.read(10) == [b"placed", b"next"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.binary(max_size=3000)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_whatever_is_appended_everyone_reads_it_once(
    records: list[tuple[int, int, bytes]],
) -> None:
    with log_memory(places=1024, ring_bytes=1 << 18) as memory:
        logs = [memory.attached(pid, 0, 0, 1, 2) for pid in (1, 2, 3)]
        texts: list[list[bytes | None]] = [[], [], []]
        for number, (writer, bucket, data) in enumerate(records):
            logs[writer].append(data, bucket)
            texts[number % 3] += logs[number % 3].read(number % 5)
        for log, read in zip(logs, texts, strict=True):
            while log.has_unread:
                read += log.read(7)
            assert read == [data for _, _, data in records]


def test_topics_are_spread() -> None:
    buckets = {topic_bucket("app", f"channel-{number}") for number in range(1000)}
    assert len(buckets) > 980
    assert topic_bucket("a", "bc") != topic_bucket("ab", "c")
    assert topic_bucket("app", "prix-é") == topic_bucket("app", "prix-é")
    with pytest.raises(UnicodeEncodeError):
        topic_bucket("app", "\ud800")
