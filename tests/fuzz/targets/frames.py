"""The framer: the same messages and the same verdict as a plain reading of the RFC, however the bytes are cut."""

from __future__ import annotations

import sys

from revurb._speedups.frames import BINARY, CLOSE, PING, PONG, TEXT, FrameReader
from tests.fuzz import reference
from tests.fuzz.cutting import split

MAX_MESSAGE_BYTES = 1000
MAX_FRAME_BYTES = 700
MAX_FRAGMENTS = 8
MAX_CONTROL_BYTES = 125
EMPTY_BYTES = sys.getsizeof(FrameReader(0))

Outcome = tuple[list[tuple[int, bytes]], tuple[int, str] | None]


def read(pieces: list[bytes]) -> Outcome:
    reader = FrameReader(MAX_MESSAGE_BYTES, MAX_FRAME_BYTES, MAX_FRAGMENTS)
    messages: list[tuple[int, bytes]] = []
    arrived = 0
    for piece in pieces:
        messages += reader.feed(piece)
        arrived += len(piece)
        # What is kept is bounded by the limits, and by what has come: doubling may have it twice.
        kept = sys.getsizeof(reader) - EMPTY_BYTES
        assert kept <= min(MAX_MESSAGE_BYTES + MAX_CONTROL_BYTES, 2 * arrived), kept
        if reader.failure is not None:
            assert kept == 0, kept
    failure = reader.failure
    if failure is not None or (messages and messages[-1][0] == CLOSE):
        assert reader.feed(b"\x89\x80\0\0\0\0") == []  # a Ping
        assert reader.failure == failure
    return messages, failure


def masked_frame(opcode: int, payload: bytes) -> bytes:
    """As a client sends it, with the masking key 0."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def check(data: bytes) -> None:
    stream, pieces = split(data)
    messages, failure = outcome = read([stream])
    assert read(pieces) == outcome
    assert read([stream[at : at + 1] for at in range(len(stream))]) == outcome
    expected = reference.read(
        stream, max_message=MAX_MESSAGE_BYTES, max_frame=MAX_FRAME_BYTES, max_fragments=MAX_FRAGMENTS
    )
    assert (messages, failure and failure[0]) == expected
    assert failure is None or (failure[0] in (1002, 1007, 1009) and failure[1].isascii())
    for opcode, payload in messages:
        assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
        assert len(payload) <= (MAX_CONTROL_BYTES if opcode >= CLOSE else MAX_MESSAGE_BYTES)
        if opcode == TEXT:
            payload.decode()
    assert CLOSE not in [opcode for opcode, _ in messages[:-1]]
    # What was read, written again in whole frames, reads as the same; a message may be longer than a frame may.
    again = FrameReader(MAX_MESSAGE_BYTES)
    assert again.feed(b"".join(masked_frame(*message) for message in messages)) == messages
    assert again.failure is None
