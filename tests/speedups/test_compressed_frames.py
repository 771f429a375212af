"""RSV1 in the framer: where it may be and what it changes (RFC 7692 6)."""

from __future__ import annotations

import pytest

from revurb._speedups.frames import BINARY, CLOSE, COMPRESSED, CONTINUATION, PING, PONG, TEXT, FrameReader
from tests.speedups.wire_bytes import client_frame, every_split

RSV1 = 4


def read(pieces: list[bytes], limit: int = 1000) -> tuple[list[tuple[int, bytes]], int | None]:
    reader = FrameReader(limit, compressed=True)
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames, reader.failure and reader.failure[0]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 400])
def test_a_compressed_message_is_handed_out_as_it_is(opcode: int, size: int) -> None:
    payload = bytes(range(255, -1, -1))[:size] * (2 if size > 256 else 1)  # no UTF-8 in any case
    for pieces in every_split(client_frame(opcode, payload, rsv=RSV1)):
        assert read(pieces) == ([(COMPRESSED | opcode, payload)], None)


def test_fragments_with_other_messages_around_and_control_frames_inside() -> None:
    data = (
        client_frame(TEXT, b"before")
        + client_frame(TEXT, b"\xff", rsv=RSV1, fin=False)
        + client_frame(PING, b"p")
        + client_frame(CONTINUATION, b"\xfe", fin=False)
        + client_frame(CONTINUATION, b"")
        + client_frame(TEXT, "é".encode()[:1], fin=False)
        + client_frame(CONTINUATION, "é".encode()[1:])
        + client_frame(BINARY, b"\x00", rsv=RSV1)
        + client_frame(CLOSE)
    )
    for pieces in every_split(data):
        assert read(pieces) == (
            [
                (TEXT, b"before"),
                (PING, b"p"),
                (COMPRESSED | TEXT, b"\xff\xfe"),
                (TEXT, "é".encode()),
                (COMPRESSED | BINARY, b"\x00"),
                (CLOSE, b""),
            ],
            None,
        )


def test_text_behind_a_compressed_message_is_judged_again() -> None:
    assert read([client_frame(TEXT, b"\xff", rsv=RSV1) + client_frame(TEXT, b"\xff")]) == (
        [(COMPRESSED | TEXT, b"\xff")],
        1007,
    )


@pytest.mark.parametrize(
    "bad",
    [
        *(client_frame(opcode, b"", rsv=RSV1) for opcode in (PING, PONG, CLOSE, 3, 7, 11)),
        *(client_frame(TEXT, b"", rsv=rsv) for rsv in (1, 2, 3, 5, 6, 7)),
        client_frame(TEXT, b"a", rsv=RSV1, fin=False) + client_frame(CONTINUATION, b"b", rsv=RSV1),
        client_frame(TEXT, b"a", fin=False) + client_frame(CONTINUATION, b"b", rsv=RSV1),
        client_frame(CONTINUATION, b"a", rsv=RSV1),
        client_frame(TEXT, b"a", rsv=RSV1, fin=False) + client_frame(TEXT, b"b", rsv=RSV1),
    ],
)
def test_where_it_may_not_be(bad: bytes) -> None:
    for pieces in every_split(bad):
        assert read(pieces) == ([], 1002)


def test_it_may_be_nowhere_unless_negotiated() -> None:
    reader = FrameReader(1000)
    assert reader.feed(client_frame(TEXT, b"", rsv=RSV1)) == []
    assert reader.failure == (1002, "Reserved bit set")


def test_the_limit_counts_what_came() -> None:
    assert read([client_frame(TEXT, b"12345", rsv=RSV1)], 5) == ([(COMPRESSED | TEXT, b"12345")], None)
    assert read([client_frame(TEXT, b"123456", rsv=RSV1)], 5) == ([], 1009)
