"""How a WebSocket ends: who closes TCP, when, and what the peer gets before that. In memory."""

from __future__ import annotations

import pytest

from tests.transport.test_client_connection import (
    EMPTY_TEXT,
    LIMITS,
    SWITCHING,
    Accepted,
    RecordingHandler,
)

CLOSE = b"\x88\x82\0\0\0\0" + (1000).to_bytes(2)
CLOSED = b"\x88\x02" + (1000).to_bytes(2)
ANSWER = b"\x81\x02hi"


class Halved:
    """Notes the end of our side, of a transport whose sides are shut one by one."""

    def __init__(self, accepted: Accepted) -> None:
        self.before: list[bytes] = []  # what had been written
        accepted.transport.can_write_eof = lambda: True  # type: ignore[method-assign]
        accepted.transport.write_eof = lambda: self._note(accepted)  # type: ignore[method-assign]

    def _note(self, accepted: Accepted) -> None:
        self.before.append(bytes(accepted.transport.written))


class AnsweringHandler(RecordingHandler):
    """Answers each message."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self._accepted = accepted

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        super().on_message(opcode, payload, now)
        self._accepted.connection.send(ANSWER)


@pytest.mark.parametrize("over", ["tcp", "tls"])
async def test_a_peer_that_closes_gets_its_answers_a_close_and_the_end(over: str) -> None:
    accepted = Accepted()
    accepted.handler = handler = AnsweringHandler(accepted)
    halved = Halved(accepted) if over == "tcp" else None
    await accepted.answer()
    accepted.connection.data_received(EMPTY_TEXT + CLOSE)
    assert handler.calls == ["opened", "message", "closed"]
    assert bytes(accepted.transport.written) == SWITCHING + ANSWER + CLOSED
    if halved is None:
        assert accepted.transport.was_closed()
    else:
        assert halved.before == [SWITCHING + ANSWER + CLOSED]
        assert (
            not accepted.transport.was_closed()
        )  # with bytes unread that would reset, and take the Close with it
    accepted.connection.send(b"comes after")
    accepted.connections.fanout.flush(1.0)
    assert bytes(accepted.transport.written) == SWITCHING + ANSWER + CLOSED
    accepted.after(LIMITS.close_timeout_s - 1)
    assert not accepted.transport.was_aborted()
    accepted.connection.close(4200, "away")  # as the node does with all: that gives it no more time
    accepted.after(1.5)
    assert accepted.transport.was_aborted()
    assert bytes(accepted.transport.written) == SWITCHING + ANSWER + CLOSED
    accepted.connection.connection_lost(None)
    assert handler.calls == ["opened", "message", "closed"]


async def test_a_peer_that_is_closed_has_time_to_answer_and_then_tcp_ends() -> None:
    accepted = Accepted()
    halved = Halved(accepted)
    await accepted.answer()
    accepted.connection.close(4200, "away")
    accepted.connection.send(ANSWER)
    assert accepted.handler.calls == ["opened", "closed"]
    assert halved.before == []
    accepted.after(LIMITS.close_timeout_s - 1)
    assert not accepted.transport.was_aborted()
    accepted.connection.data_received(EMPTY_TEXT + CLOSE)
    sent = SWITCHING + b"\x88\x06" + (4200).to_bytes(2) + b"away"
    assert halved.before == [bytes(accepted.transport.written)] == [sent]
    accepted.after(1.5)
    assert accepted.transport.was_aborted()
    assert accepted.handler.calls == ["opened", "closed"]


async def test_a_ping_behind_our_close_is_answered_unless_nothing_is_taken() -> None:
    """RFC 6455 5.5.2, as far as the peer takes what it gets: what waits is bounded."""
    accepted = Accepted()
    await accepted.answer()
    accepted.connection.close(4200, "away")
    ping = b"\x89\x81\0\0\0\0"
    accepted.connection.data_received(ping + b"1" + EMPTY_TEXT)
    accepted.connection.data_received(ping + b"2")
    close = b"\x88\x06" + (4200).to_bytes(2) + b"away"
    assert bytes(accepted.transport.written) == SWITCHING + close + b"\x8a\x011" + b"\x8a\x012"
    accepted.transport.get_write_buffer_size = lambda: 1  # type: ignore[method-assign]
    accepted.connection.data_received(ping + b"3")
    accepted.connection.data_received(CLOSE + ping + b"4")
    assert bytes(accepted.transport.written).endswith(b"\x8a\x012")
    assert accepted.transport.was_closed()
    assert accepted.handler.calls == ["opened", "closed"]


async def test_a_peer_that_ends_tcp_is_not_held_on_to() -> None:
    """What the event loop is told then is whether to leave the transport open: for an HTTP answer that is awaited."""
    accepted = Accepted()
    assert accepted.connection.eof_received()
    await accepted.answer()
    assert not accepted.connection.eof_received()


@pytest.mark.parametrize("count", [1024, 1025])
async def test_a_message_comes_in_pieces_up_to_a_limit(count: int) -> None:
    """Each piece costs time, and may have no bytes that count."""
    accepted = Accepted()
    await accepted.answer()
    for opcode in (b"\x01", *[b"\0"] * (count - 2), b"\x80"):
        accepted.connection.data_received(opcode + EMPTY_TEXT[1:])
    accepted.connections.fanout.flush(1.0)
    if count == 1024:
        assert accepted.handler.calls == ["opened", "message"]
        assert bytes(accepted.transport.written) == SWITCHING
    else:
        assert accepted.handler.calls == ["opened", "closed"]
        close = bytes(accepted.transport.written).removeprefix(SWITCHING)
        assert (close[:1], close[2:4]) == (b"\x88", (1009).to_bytes(2))
