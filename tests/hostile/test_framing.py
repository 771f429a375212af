"""Bytes that are not RFC 6455: the close code that the RFC names, and the end of the connection."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from tests.client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_payload,
    connect,
    encode_frame,
)
from tests.hostile.conftest import APP
from tests.hostile.values import NOT_UTF8

PROTOCOL_ERROR, NOT_TEXT, TOO_BIG = 1002, 1007, 1009
EITHER = 0  # too big and malformed at once


def header(opcode: int, length_byte: int, extended: bytes = b"") -> bytes:
    """A masked frame's header with any length in any of its three forms, and a mask of zeros."""
    return bytes([0x80 | opcode, 0x80 | length_byte]) + extended + bytes(4)


def violations() -> Iterator[tuple[str, bytes, int]]:
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"reserved-opcode-{opcode}", encode_frame(opcode, b"x"), PROTOCOL_ERROR
    for rsv in range(1, 8):
        yield f"rsv-{rsv}", encode_frame(TEXT, b"{}", rsv=rsv), PROTOCOL_ERROR
    for name, opcode in (
        ("text", TEXT),
        ("binary", BINARY),
        ("close", CLOSE),
        ("ping", PING),
        ("pong", PONG),
    ):
        yield f"unmasked-{name}", encode_frame(opcode, close_payload(1000), masked=False), PROTOCOL_ERROR
    for name, opcode in (("close", CLOSE), ("ping", PING), ("pong", PONG)):
        yield f"fragmented-{name}", encode_frame(opcode, b"", fin=False), PROTOCOL_ERROR
        yield f"long-{name}", encode_frame(opcode, b"x" * 126), PROTOCOL_ERROR
        yield f"rsv-in-{name}", encode_frame(opcode, b"", rsv=4), PROTOCOL_ERROR
    yield "continuation-of-nothing", encode_frame(CONTINUATION, b"x"), PROTOCOL_ERROR
    yield "unfinished-continuation-of-nothing", encode_frame(CONTINUATION, b"x", fin=False), PROTOCOL_ERROR
    for name, opcode in (("text", TEXT), ("binary", BINARY)):
        begun = encode_frame(TEXT, b'{"ev', fin=False)
        yield f"{name}-inside-a-message", begun + encode_frame(opcode, b"{}"), PROTOCOL_ERROR
    yield "length-5-in-2-bytes", header(TEXT, 126, struct.pack("!H", 5)) + b"xxxxx", PROTOCOL_ERROR
    yield "length-5-in-8-bytes", header(TEXT, 127, struct.pack("!Q", 5)) + b"xxxxx", PROTOCOL_ERROR
    yield "length-65535-in-8-bytes", header(TEXT, 127, struct.pack("!Q", 65535)), PROTOCOL_ERROR
    for bits in (63, 64):
        yield f"length-{bits}-bits", header(TEXT, 127, struct.pack("!Q", 2**bits - 1)), EITHER
    for size in (10_001, 65_535):
        yield f"length-{size}", header(TEXT, 126, struct.pack("!H", size)), TOO_BIG
    for bits in (16, 31, 32, 33, 62):
        yield f"length-2-to-the-{bits}", header(BINARY, 127, struct.pack("!Q", 2**bits)), TOO_BIG
    yield "many-fragments-too-big", _fragments(b"x" * 100, 101), TOO_BIG
    yield "http-instead", b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n", PROTOCOL_ERROR
    yield "zeros", bytes(64), PROTOCOL_ERROR
    yield "ones", b"\xff" * 64, PROTOCOL_ERROR


def bad_closes() -> Iterator[tuple[str, bytes, int]]:
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield f"close-code-{code}", encode_frame(CLOSE, close_payload(code)), PROTOCOL_ERROR
    yield "close-payload-of-one-byte", encode_frame(CLOSE, b"\x03"), PROTOCOL_ERROR
    for name, raw in NOT_UTF8.items():
        yield f"close-reason-{name}", encode_frame(CLOSE, close_payload(1000, raw)), NOT_TEXT


def bad_texts() -> Iterator[tuple[str, bytes, int]]:
    for name, raw in NOT_UTF8.items():
        yield f"text-{name}", encode_frame(TEXT, raw), NOT_TEXT
        halves = encode_frame(TEXT, raw[:1], fin=False) + encode_frame(CONTINUATION, raw[1:])
        yield f"text-in-halves-{name}", halves, NOT_TEXT


def _fragments(piece: bytes, count: int) -> bytes:
    first = encode_frame(TEXT, piece, fin=False)
    return first + encode_frame(CONTINUATION, piece, fin=False) * (count - 1)


CASES = [*violations(), *bad_closes(), *bad_texts()]


@pytest.mark.parametrize(("raw", "code"), [pytest.param(raw, code, id=name) for name, raw, code in CASES])
async def test_violation(raw: bytes, code: int, port: int) -> None:
    async with connect(port, APP.key) as client:
        await client.send_bytes(raw)
        closed = await client.closed()
    assert closed in ((PROTOCOL_ERROR, TOO_BIG) if code == EITHER else (code,))


@pytest.mark.parametrize("piece", [1, 2, 3])
async def test_a_violation_is_seen_in_any_chunking(piece: int, port: int) -> None:
    raw = encode_frame(TEXT, b'{"event":"pusher:ping"}') + encode_frame(3, b"x")
    async with connect(port, APP.key) as client:
        for start in range(0, len(raw), piece):
            await client.send_bytes(raw[start : start + piece])
        await client.expect("pusher:pong")
        assert await client.closed() == PROTOCOL_ERROR


async def test_what_follows_a_close_frame_is_not_heard(port: int) -> None:
    ping = encode_frame(TEXT, b'{"event":"pusher:ping"}')
    async with connect(port, APP.key) as client:
        await client.send_bytes(encode_frame(CLOSE, close_payload(1000)) + ping)
        assert await client.closed() == 1000
