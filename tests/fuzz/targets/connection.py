"""The WebSocket state machine: never raises, answers only whole and right frames, and closes once.

The first byte of the input says after how many pieces our side begins to close; the rest is cut as ever.
"""

from __future__ import annotations

from revurb._speedups.frames import BINARY, CLOSE, PONG
from revurb.wire.close import parse_close
from revurb.wire.websocket import Phase, WebSocket
from tests.fuzz.cutting import split
from tests.fuzz.targets.frames import MAX_FRAGMENTS, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES

# Behind `pieces[at]`, whatever the phase: what has begun to close stays so.
_ORDER = {Phase.OPEN: 0, Phase.CLOSING: 1, Phase.CLOSED: 2}


def talk(pieces: list[bytes], close_after: int) -> tuple[list[tuple[int, bytes]], bytes, int | None, str]:
    ws = WebSocket(
        max_message_bytes=MAX_MESSAGE_BYTES, max_frame_bytes=MAX_FRAME_BYTES, max_fragments=MAX_FRAGMENTS
    )
    received: list[tuple[int, bytes]] = []
    said = b""
    for at, piece in enumerate(pieces):
        if at == close_after:
            said += ws.close(1001, "bye")
        before = ws.phase
        messages = ws.receive(piece)
        assert not messages or before is not Phase.CLOSED
        assert before is not Phase.CLOSING or all(opcode > BINARY for opcode, _ in messages)
        assert _ORDER[before] <= _ORDER[ws.phase]
        received += messages
        said += ws.take_outgoing()
        assert ws.take_outgoing() == b""
        assert (ws.close_code is None) == (ws.phase is Phase.OPEN)
    if ws.phase is not Phase.OPEN:
        assert ws.close(1000) == b""
    return received, said, ws.close_code, ws.close_reason


def answers(said: bytes) -> list[tuple[int, bytes]]:
    """The server's frames, all of them control frames in a row."""
    frames = []
    while said:
        size = said[1]
        assert said[0] & 0xF0 == 0x80
        assert size <= 125
        assert len(said) >= 2 + size
        frames.append((said[0] & 0x0F, said[2 : 2 + size]))
        said = said[2 + size :]
    return frames


def check(data: bytes) -> None:
    stream, pieces = split(data[1:])
    never = len(pieces) + 1
    outcome = talk([stream], never)
    assert talk(pieces, never) == outcome
    for received, said, code, reason in (outcome, talk(pieces, data[0] if data else 0)):
        frames = answers(said)
        opcodes = [opcode for opcode, _ in frames]
        assert set(opcodes) <= {CLOSE, PONG}
        assert opcodes.count(CLOSE) == (code is not None)
        pings = [payload for opcode, payload in received if opcode == 9]
        assert [payload for opcode, payload in frames if opcode == PONG] == pings
        for opcode, payload in frames:
            if opcode == CLOSE:
                ours, why = parse_close(payload)
                assert (ours, why) == (code, reason) or (code == 1005 and ours == 1000)
