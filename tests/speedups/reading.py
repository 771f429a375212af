"""What the framer makes of bytes: its frames, and the violation that it ends at if there is one."""

from __future__ import annotations

from collections.abc import Iterable

from revurb._speedups.frames import FrameReader
from tests.speedups.wire_bytes import every_split

Failure = tuple[int, str] | None


def read(pieces: Iterable[bytes], limit: int = 1 << 20) -> tuple[list[tuple[int, bytes]], Failure]:
    reader = FrameReader(limit)
    return [frame for piece in pieces for frame in reader.feed(piece)], reader.failure


def assert_reads(data: bytes, frames: list[tuple[int, bytes]], code: int | None = None) -> None:
    """The same in every chunking, down to the reason."""
    reasons = set()
    for pieces in every_split(data):
        found, failure = read(pieces)
        assert found == frames
        assert (failure and failure[0]) == code
        reasons.add(failure)
    assert len(reasons) == 1
