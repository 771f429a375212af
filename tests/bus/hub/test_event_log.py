"""The log's memory and descriptors, from the supervisor that makes them to a process that opens them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revurb._speedups.shared_log import topic_bucket
from revurb.bus.hub.event_log import (
    MAX_RING_BYTES,
    RING_BYTES,
    LogDescriptors,
    ring_bytes_for,
    shared_log,
)


def test_a_process_opens_what_its_command_line_names() -> None:
    with shared_log(3) as made:
        assert len(made.all) == 4
        named = LogDescriptors.from_argument(made.argument())
        assert named == made
        one, two = made.open(), named.open()
        bucket = topic_bucket("app", "news")
        for number, log in enumerate((one, two)):
            log.attach(number + 1)
            log.add_topic(bucket)
        one.append(b"x", bucket)
        assert two.read(1) == [b"x"]


def test_nothing_is_left_open_or_given_to_other_programs() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with shared_log(3) as made:
        assert not any(os.get_inheritable(fd) for fd in made.all)
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_memfd_and_eventfd_files_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.delattr(os, "eventfd")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with shared_log(2, 64, 1 << 16) as made:
        one, two = made.open(), made.open()
        one.attach(1)
        slot = two.attach(2, 1)
        for _ in range(3):
            one.append(b"x", 0, 1)
            one.wake()
            two.woken()
            assert two.read(9) == [b"x"]
        with pytest.raises(BlockingIOError):
            os.read(made.wakes[slot], 8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "x", "3,,4"])
def test_another_argument_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        LogDescriptors.from_argument(text)


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [(1, RING_BYTES), (655_360, RING_BYTES), (10_000_000, 40 * 2**20), (10**9, MAX_RING_BYTES)],
)
def test_a_ring_has_room_for_what_may_be_published(request_bytes: int, expected: int) -> None:
    assert ring_bytes_for(request_bytes) == expected
    with shared_log(2, 64, expected) as made:
        assert made.open().max_record_bytes == expected // 2 - 32
