"""The framer against RFC 6455 section 5, rule by rule, in every chunking: frames, fragments and violations."""

from __future__ import annotations

import pytest

from revurb._speedups.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameReader,
)
from tests.speedups.reading import assert_reads, read
from tests.speedups.wire_bytes import client_frame

# Frames, RFC 6455 5.2 and 5.7


def test_the_constants_are_the_opcodes_of_the_rfc() -> None:
    assert (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG) == (0, 1, 2, 8, 9, 10)


def test_hello_of_the_rfc() -> None:
    assert_reads(bytes.fromhex("818537fa213d7f9f4d5158"), [(TEXT, b"Hello")])


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, 8, 9, 125])
def test_any_opcode_and_small_size(opcode: int, size: int) -> None:
    payload = bytes(65 + at % 50 for at in range(size))
    assert_reads(client_frame(opcode, payload), [(opcode, payload)])


@pytest.mark.parametrize("size", [126, 127, 128, 1000, 65535, 65536, 65537])
@pytest.mark.parametrize("chunk", [1 << 20, 4096, 13, 1])
def test_long_payloads(size: int, chunk: int) -> None:
    payload = bytes(at * 7 % 128 for at in range(size))
    data = client_frame(TEXT, payload)
    pieces = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    assert read(pieces) == ([(TEXT, payload)], None)


def test_many_frames_in_one_chunk_keep_their_order() -> None:
    frames = [(TEXT, b"one"), (PING, b"p"), (BINARY, b"\xff\x00"), (PONG, b""), (TEXT, b"")]
    assert_reads(b"".join(client_frame(*frame) for frame in frames), frames)


def test_every_mask_key_position() -> None:
    payload = bytes(range(256))
    for key in (
        b"\x01\x00\x00\x00",
        b"\x00\x02\x00\x00",
        b"\x00\x00\x04\x00",
        b"\x00\x00\x00\x80",
        b"\0" * 4,
    ):
        assert_reads(client_frame(BINARY, payload, key=key), [(BINARY, payload)])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read_and_not_kept(kind: type) -> None:
    data = bytearray(client_frame(TEXT, b"Hello"))
    reader = FrameReader(100)
    assert reader.feed(kind(data[:8])) == []
    window = memoryview(bytearray(100))
    window[: len(data) - 8] = data[8:]
    assert reader.feed(window[: len(data) - 8]) == [(TEXT, b"Hello")]
    data.clear()  # a buffer still exported could not be resized


def test_nothing_in_nothing_out() -> None:
    reader = FrameReader(100)
    assert reader.feed(b"") == []
    assert (reader.feed(client_frame(TEXT, b"a")), reader.feed(b"")) == ([(TEXT, b"a")], [])


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError):
        FrameReader(10).feed("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        FrameReader(10).feed(None)  # type: ignore[arg-type]


# Fragmentation, RFC 6455 5.4


def test_fragments_become_one_message() -> None:
    data = client_frame(TEXT, b"a", fin=False) + client_frame(0, b"bc", fin=False) + client_frame(0, b"d")
    assert_reads(data, [(TEXT, b"abcd")])


def test_control_frames_between_and_inside_fragments() -> None:
    data = (
        client_frame(BINARY, b"\xff", fin=False)
        + client_frame(PING, b"1")
        + client_frame(0, b"", fin=False)
        + client_frame(PONG, b"2")
        + client_frame(0, b"\xfe")
        + client_frame(TEXT, b"next")
    )
    assert_reads(data, [(PING, b"1"), (PONG, b"2"), (BINARY, b"\xff\xfe"), (TEXT, b"next")])


def test_a_message_of_empty_fragments() -> None:
    assert_reads(client_frame(TEXT, fin=False) + client_frame(0), [(TEXT, b"")])


def test_a_close_inside_a_message_ends_it() -> None:
    data = client_frame(TEXT, b"a", fin=False) + client_frame(CLOSE, b"\x03\xe8") + client_frame(0, b"b")
    assert_reads(data, [(CLOSE, b"\x03\xe8")])


def test_nothing_counts_behind_a_close() -> None:
    assert_reads(client_frame(CLOSE) + client_frame(TEXT, b"late") + b"\xff\xff", [(CLOSE, b"")])


# Violations: 1002


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(client_frame(TEXT, b"x", mask=False), id="not masked"),
        pytest.param(client_frame(TEXT, b"x", rsv=4), id="RSV1"),
        pytest.param(client_frame(TEXT, b"x", rsv=2), id="RSV2"),
        pytest.param(client_frame(PING, b"x", rsv=1), id="RSV3"),
        *(
            pytest.param(client_frame(op, b"x"), id=f"opcode {op}")
            for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        ),
        *(
            pytest.param(client_frame(op, b"x", fin=False), id=f"fragmented {op}")
            for op in (CLOSE, PING, PONG)
        ),
        *(pytest.param(client_frame(op, b"x" * 126), id=f"126 bytes in {op}") for op in (CLOSE, PING, PONG)),
        pytest.param(client_frame(PING, length=125, length_bytes=2), id="control with 16 bit length"),
        pytest.param(client_frame(0, b"x"), id="nothing to continue"),
        pytest.param(client_frame(0, b"x", fin=False), id="nothing to continue, and no end"),
        pytest.param(client_frame(TEXT, b"x", fin=False) + client_frame(TEXT, b"y"), id="text in text"),
        pytest.param(client_frame(BINARY, b"x", fin=False) + client_frame(TEXT, b"y"), id="text in binary"),
        pytest.param(client_frame(TEXT, b"x" * 125, length_bytes=2), id="125 in 16 bits"),
        pytest.param(client_frame(TEXT, b"", length_bytes=2), id="0 in 16 bits"),
        pytest.param(client_frame(TEXT, length=65535, length_bytes=8), id="65535 in 64 bits"),
        pytest.param(client_frame(TEXT, length=5, length_bytes=8), id="5 in 64 bits"),
        pytest.param(client_frame(TEXT, length=1 << 63), id="top bit"),
        pytest.param(client_frame(TEXT, length=(1 << 64) - 1), id="all bits"),
    ],
)
def test_violations(bad: bytes) -> None:
    before, behind = client_frame(TEXT, b"before"), client_frame(TEXT, b"behind")
    assert_reads(before + bad + behind, [(TEXT, b"before")], 1002)


def test_a_violation_is_seen_before_the_payload_or_the_key_is_there() -> None:
    assert read([client_frame(TEXT, b"x", rsv=4)[:2]])[1] is not None
    assert read([client_frame(TEXT, length=1 << 63)[:10]])[1] is not None


def test_reasons_fit_into_a_close_frame() -> None:
    for bad in (
        b"\xf1\x80",
        b"\x83\x80",
        b"\x81\x00",
        b"\x09\x80",
        b"\x89\xfe",
        b"\x80\x80",
        b"\x01\x80\x01\x02\x03\x04" * 2,
    ):
        failure = read([bad])[1]
        assert failure is not None
        assert 0 < len(failure[1].encode()) <= 123
