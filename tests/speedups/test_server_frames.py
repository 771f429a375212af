"""Frames of a server against RFC 6455 5.2."""

from __future__ import annotations

import struct

import pytest

from revurb._speedups.frames import BINARY, CLOSE, COMPRESSED, PING, PONG, TEXT, server_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_server_frames(opcode: int, size: int) -> None:
    payload = b"x" * size
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    assert server_frame(opcode, payload) == head + payload
    compressed = bytes([head[0] | 0x40]) + head[1:]
    assert server_frame(COMPRESSED | opcode, payload) == compressed + payload  # RFC 7692 6.1


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_server_control_frames(opcode: int) -> None:
    assert server_frame(opcode, b"x" * 125) == bytes([0x80 | opcode, 125]) + b"x" * 125
    with pytest.raises(ValueError, match="125"):
        server_frame(opcode, b"x" * 126)


@pytest.mark.parametrize("opcode", [-1, 0, 3, 7, 11, 15, 16, 129, 64, 67, 72, 73, 74, 193])
def test_server_frames_that_do_not_exist(opcode: int) -> None:
    with pytest.raises(ValueError, match="opcode"):
        server_frame(opcode, b"")


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError):
        server_frame(TEXT, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        server_frame(TEXT, bytearray(b"x"))  # type: ignore[arg-type]
