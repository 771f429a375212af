"""How large the log that processes share may be, and what is no log."""

from __future__ import annotations

import os
import struct

import pytest

from revurb._speedups.shared_log import SharedLog, topic_bucket
from tests.speedups.logs import log_memory

NEWS = topic_bucket("app", "news")


def test_while_all_keep_up_the_same_memory_is_used_again() -> None:
    with log_memory(places=1 << 16, ring_bytes=1 << 24) as memory:
        writer, reader = memory.attached(1), memory.attached(2, 0, NEWS)
        for _ in range(20_000):
            writer.take(writer.append(b"x" * 1000, NEWS))
            assert len(reader.read(10)) == 1
        assert os.fstat(memory.fd).st_blocks * 512 < 3 * 1024 * 1024  # of 20 MB that were written
        for _ in range(5_000):
            writer.take(writer.append(b"x" * 1000, NEWS))
        assert (
            sum(len(reader.read(100)) for _ in range(50)) == 5_000
        )  # nothing was taken from one that is behind
        assert reader.missed == 0
        for _ in range(200):  # and then it is given back
            writer.take(writer.append(b"x" * 1000, NEWS))
            assert len(reader.read(10)) == 1
        assert os.fstat(memory.fd).st_blocks * 512 < 3 * 1024 * 1024


def test_memory_that_is_no_log_is_refused() -> None:
    fd = os.memfd_create("none")
    try:
        with pytest.raises(OSError, match="shared log"):
            SharedLog(fd, [])
        os.ftruncate(fd, 1 << 20)
        with pytest.raises(OSError, match="shared log"):
            SharedLog(fd, [])
        with pytest.raises(ValueError, match="0 descriptors for 2 slots"):
            SharedLog(fd, [], slots=2, places=8, ring_bytes=4096)
        SharedLog(fd, [0, 0])
        os.ftruncate(fd, 10_000)  # what is not there would end the process
        with pytest.raises(OSError, match="shared log"):
            SharedLog(fd, [0, 0])
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("slots", "places", "ring_bytes"),
    [
        (1, 0, 4096), (1, 12, 4096), (1, 1 << 40, 4096), (1, 8, 0), (1, 8, 64), (1, 8, 4000), (1, 8, 1 << 40),
        (2048, 8, 4096), (1 << 31, 8, 4096), (1, 1 << 63, 4096),
    ],
)  # fmt: skip
def test_shapes_that_cannot_be_are_refused(slots: int, places: int, ring_bytes: int) -> None:
    fd = os.memfd_create("odd")
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            SharedLog(fd, [0], slots=slots, places=places, ring_bytes=ring_bytes)
        os.ftruncate(fd, 1 << 22)
        os.pwrite(fd, struct.pack("QQQI", 0x5245565552420003, places, ring_bytes, slots), 0)
        with pytest.raises(OSError, match="Protocol error"):
            SharedLog(fd, [0])
    finally:
        os.close(fd)


def test_there_is_room_for_four_generations_of_256_workers() -> None:
    fd = os.memfd_create("large")
    try:
        kept = {}  # all at once would map 2 GB, which the fuzzers that this process starts would inherit
        for number in range(1028):
            log = SharedLog(fd, [0] * 1028, slots=1028, places=64, ring_bytes=4096)
            assert log.attach(1 + number) == number
            if number in (7, 1027):
                kept[number] = log
        kept[7].add_topic(NEWS)
        kept[1027].append(b"x", NEWS)
        assert kept[7].read(1) == [b"x"]
    finally:
        os.close(fd)


@pytest.mark.parametrize(("places", "ring_bytes"), [(8, 512), (24, 4096 - 64), (1000, 64 * 77)])
def test_sizes_that_are_no_powers_of_two(places: int, ring_bytes: int) -> None:
    with log_memory(places=places, ring_bytes=ring_bytes) as memory:
        logs = [memory.attached(pid, 0, NEWS) for pid in (1, 2)]
        for number in range(3000):
            data = b"%d " % number + b"x" * (number * 7 % (logs[0].max_record_bytes - 8))
            logs[number % 2].append(data, NEWS)
            assert [log.read(10) for log in logs] == [[data], [data]]
