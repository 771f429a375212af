"""The framer's limits: of a message, of a frame and of fragments, exact and as early as they can be judged. 1009."""

from __future__ import annotations

import pytest

from revurb._speedups.frames import BINARY, PING, TEXT, FrameReader
from tests.speedups.reading import read
from tests.speedups.wire_bytes import client_frame

TOO_BIG = (1009, "Maximum message size exceeded")


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 1000, 65535, 65536, 70000])
def test_the_message_limit_is_exact(limit: int) -> None:
    assert read([client_frame(BINARY, bytes(limit))], limit) == ([(BINARY, bytes(limit))], None)
    assert read([client_frame(BINARY, bytes(limit + 1))], limit) == ([], TOO_BIG)


def test_the_limit_is_judged_when_the_header_is_there() -> None:
    for size in (101, 1000, 1 << 40, (1 << 63) - 1):
        head = client_frame(TEXT, length=size)
        without_key = head[:-4]
        assert read([without_key[:-1]], 100) == ([], None)
        assert read([without_key], 100) == ([], TOO_BIG)


def test_the_limit_counts_all_fragments_together() -> None:
    first = client_frame(TEXT, b"a" * 60, fin=False)
    assert read([first, client_frame(0, b"b" * 40)], 100) == ([(TEXT, b"a" * 60 + b"b" * 40)], None)
    assert read([first, client_frame(0, b"b" * 41)], 100) == ([], TOO_BIG)
    # A sum that would wrap at 64 bits, if it were one.
    assert read([first, client_frame(0, length=(1 << 63) - 1)], 100) == ([], TOO_BIG)


def test_the_limit_is_of_each_message() -> None:
    assert read([client_frame(TEXT, b"a" * 100) * 3], 100) == ([(TEXT, b"a" * 100)] * 3, None)


def test_control_frames_do_not_count() -> None:
    assert read([client_frame(PING, b"p" * 125)], 10) == ([(PING, b"p" * 125)], None)


def test_the_frame_limit() -> None:
    reader = FrameReader(100, 50)
    assert reader.feed(client_frame(TEXT, b"a" * 50, fin=False) + client_frame(0, b"a" * 50)) == [
        (TEXT, b"a" * 100)
    ]
    assert reader.feed(client_frame(TEXT, b"a" * 51)) == []
    assert reader.failure == TOO_BIG


def test_the_fragment_limit_counts_empty_fragments() -> None:
    def fragments(count: int) -> bytes:
        return client_frame(TEXT, fin=False) + client_frame(0, fin=False) * (count - 2) + client_frame(0)

    reader = FrameReader(100, max_fragments=5)
    assert reader.feed(fragments(5) * 2) == [(TEXT, b"")] * 2
    assert reader.feed(fragments(6)) == []
    assert reader.failure == TOO_BIG
    assert FrameReader(100, max_fragments=1).feed(client_frame(TEXT, b"a")) == [(TEXT, b"a")]


def test_the_limit_can_change() -> None:
    reader = FrameReader(10)
    assert reader.max_message_bytes == 10
    reader.max_message_bytes = 100
    assert reader.feed(client_frame(TEXT, b"a" * 100)) == [(TEXT, b"a" * 100)]
    assert reader.feed(client_frame(TEXT, b"a" * 50, fin=False)) == []
    reader.max_message_bytes = 20  # less than the message has already
    assert reader.feed(client_frame(0, b"")) == [(TEXT, b"a" * 50)]
    assert reader.feed(client_frame(TEXT, b"a" * 21)) == []
    assert reader.failure == TOO_BIG


def test_a_limit_below_what_has_arrived_leaves_nothing() -> None:
    reader = FrameReader(100)
    reader.feed(client_frame(TEXT, b"a" * 50, fin=False))
    reader.max_message_bytes = 20
    assert reader.feed(client_frame(0, b"b")) == []
    assert reader.failure == TOO_BIG


@pytest.mark.parametrize("limits", [(-1,), (1, -1), (1, None, 0), (1, None, -5)])
def test_limits_that_make_no_sense(limits: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"negative|less than 1"):
        FrameReader(*limits)
    with pytest.raises(ValueError, match="negative"):
        FrameReader(1).max_message_bytes = -1


def test_the_largest_limit() -> None:
    reader = FrameReader((1 << 63) - 1)
    assert reader.feed(client_frame(TEXT, b"a", length=(1 << 63) - 1)) == []
    assert reader.failure is None
    with pytest.raises(OverflowError):
        FrameReader(1 << 63)
