"""The connection as a state machine: what is reported, what is answered, when it is over (RFC 6455 5.5, 7)."""

from __future__ import annotations

import sys

import pytest

from revurb._speedups.frames import BINARY, CLOSE, PING, PONG, TEXT, server_frame
from revurb.wire.close import encode_close
from revurb.wire.websocket import Phase, WebSocket
from tests.speedups.wire_bytes import client_frame, every_split


def new() -> WebSocket:
    return WebSocket(max_message_bytes=1000)


def closing() -> WebSocket:
    socket = new()
    assert socket.close(4200, "moving") == server_frame(CLOSE, encode_close(4200, "moving"))
    return socket


def outcome(socket: WebSocket) -> tuple[Phase, int | None, str]:
    return socket.phase, socket.close_code, socket.close_reason


# Open


def test_a_new_connection() -> None:
    assert outcome(new()) == (Phase.OPEN, None, "")
    assert new().take_outgoing() == b""


def test_messages_are_reported_and_not_answered() -> None:
    socket = new()
    assert socket.receive(client_frame(TEXT, b"a") + client_frame(BINARY, b"b")) == [
        (TEXT, b"a"),
        (BINARY, b"b"),
    ]
    assert socket.take_outgoing() == b""
    assert socket.phase is Phase.OPEN


def test_a_ping_is_answered_and_reported() -> None:
    """RFC 6455 5.5.3: the Pong has the Ping's payload."""
    socket = new()
    data = client_frame(TEXT, b"x") + client_frame(PING, b"1") + client_frame(PONG, b"9") + client_frame(PING)
    assert socket.receive(data) == [(TEXT, b"x"), (PING, b"1"), (PONG, b"9"), (PING, b"")]
    assert socket.take_outgoing() == server_frame(PONG, b"1") + server_frame(PONG, b"")
    assert socket.take_outgoing() == b""


def test_replies_wait_until_they_are_taken() -> None:
    socket = new()
    socket.receive(client_frame(PING, b"1"))
    socket.receive(client_frame(PING, b"2"))
    assert socket.take_outgoing() == server_frame(PONG, b"1") + server_frame(PONG, b"2")


# The peer closes


@pytest.mark.parametrize(
    ("payload", "echo", "code", "reason"),
    [
        (b"", b"\x03\xe8", 1005, ""),  # as Reverb
        (b"\x03\xe8", b"\x03\xe8", 1000, ""),
        (b"\x03\xe8bye", b"\x03\xe8bye", 1000, "bye"),
        (b"\x13\x87custom", b"\x13\x87custom", 4999, "custom"),
        (b"\x03\xf6", b"\x03\xf6", 1014, ""),
        (b"\x0b\xb8" + "é".encode() * 61, b"\x0b\xb8" + "é".encode() * 61, 3000, "é" * 61),
    ],
)
def test_a_close_is_echoed(payload: bytes, echo: bytes, code: int, reason: str) -> None:
    for pieces in every_split(client_frame(CLOSE, payload)):
        socket = new()
        assert [frame for piece in pieces for frame in socket.receive(piece)] == []
        assert socket.take_outgoing() == server_frame(CLOSE, echo)
        assert outcome(socket) == (Phase.CLOSED, code, reason)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        *(
            (number.to_bytes(2, "big"), 1002)
            for number in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
        (b"\x03\xed\xff", 1002),
        (b"\x03\xe8\xff", 1007),
        (b"\x03\xe8ok\xc3", 1007),
    ],
)
def test_a_close_that_is_wrong(payload: bytes, code: int) -> None:
    socket = new()
    assert socket.receive(client_frame(TEXT, b"x") + client_frame(CLOSE, payload)) == [(TEXT, b"x")]
    assert (socket.phase, socket.close_code) == (Phase.CLOSED, code)
    assert socket.take_outgoing() == server_frame(CLOSE, encode_close(code, socket.close_reason))


def test_what_came_before_a_close_is_reported_and_answered_first() -> None:
    socket = new()
    data = client_frame(PING, b"p") + client_frame(TEXT, b"last words") + client_frame(CLOSE, b"\x03\xe8")
    assert socket.receive(data + client_frame(TEXT, b"too late")) == [(PING, b"p"), (TEXT, b"last words")]
    assert socket.take_outgoing() == server_frame(PONG, b"p") + server_frame(CLOSE, b"\x03\xe8")


def test_a_closed_connection_is_deaf_and_dumb() -> None:
    socket = new()
    socket.receive(client_frame(CLOSE))
    socket.take_outgoing()
    assert socket.receive(client_frame(PING) + client_frame(TEXT, b"x")) == []
    assert socket.close(1000) == socket.take_outgoing() == b""
    assert outcome(socket) == (Phase.CLOSED, 1005, "")


# We close


@pytest.mark.parametrize(
    "last", [client_frame(CLOSE, b"\x03\xe8"), b"\xff\xff", client_frame(CLOSE, b"\x03")]
)
def test_our_close_takes_the_place_of_an_answer_that_is_not_out(last: bytes) -> None:
    """The owner closes for the message in front of the peer's Close, or of a violation, in the same bytes."""
    socket = new()
    assert socket.receive(client_frame(PING, b"p") + client_frame(TEXT, b"x") + last) == [
        (PING, b"p"),
        (TEXT, b"x"),
    ]
    assert socket.take_pongs() == server_frame(PONG, b"p")
    assert socket.close(4301, "enough") == server_frame(CLOSE, encode_close(4301, "enough"))
    assert outcome(socket) == (Phase.CLOSED, 4301, "enough")
    assert socket.take_outgoing() == socket.close(1000) == b""


def test_our_close_goes_out_once() -> None:
    socket = closing()
    assert outcome(socket) == (Phase.CLOSING, 4200, "moving")
    assert socket.close(1001) == b""
    assert outcome(socket) == (Phase.CLOSING, 4200, "moving")


def test_while_closing_messages_are_dropped_and_pings_answered() -> None:
    """RFC 6455 5.5.2: until a Close has been received."""
    socket = closing()
    assert socket.receive(client_frame(TEXT, b"x") + client_frame(PING, b"p")) == [(PING, b"p")]
    assert socket.take_outgoing() == server_frame(PONG, b"p")
    assert socket.phase is Phase.CLOSING


@pytest.mark.parametrize("payload", [b"", b"\x10\x68", b"\x03\xe9other", b"\x03", b"\x03\xe8\xff"])
def test_their_close_ends_it_without_another(payload: bytes) -> None:
    socket = closing()
    assert socket.receive(client_frame(CLOSE, payload)) == []
    assert socket.take_outgoing() == b""
    assert outcome(socket) == (Phase.CLOSED, 4200, "moving")


def test_a_violation_while_closing_ends_it_without_another() -> None:
    socket = closing()
    assert socket.receive(b"\xff\xff") == []
    assert socket.take_outgoing() == b""
    assert outcome(socket) == (Phase.CLOSED, 4200, "moving")


def test_a_message_begun_before_our_close_may_end_behind_it() -> None:
    socket = new()
    assert socket.receive(client_frame(TEXT, b"a", fin=False)) == []
    socket.close(1000)
    assert socket.receive(client_frame(0, b"b")) == []
    assert socket.phase is Phase.CLOSING


def test_a_long_reason_is_cut() -> None:
    assert new().close(1000, "a" * 122 + "é") == server_frame(CLOSE, b"\x03\xe8" + b"a" * 122)


@pytest.mark.parametrize("code", [0, 1005, 1006, 1015, 2000, 5000])
def test_a_code_that_may_not_be_sent_changes_nothing(code: int) -> None:
    socket = new()
    with pytest.raises(ValueError, match=str(code)):
        socket.close(code)
    assert socket.phase is Phase.OPEN


# Violations. The rules themselves are the framer's, and tested there.


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (client_frame(TEXT, b"x", mask=False), 1002),
        (client_frame(TEXT, b"\xff\xfe"), 1007),
        (client_frame(TEXT, b"x" * 1001), 1009),
    ],
)
def test_a_violation_is_answered_with_its_code(bad: bytes, code: int) -> None:
    socket = new()
    data = client_frame(PING, b"p") + client_frame(TEXT, b"x") + bad + client_frame(TEXT, b"y")
    assert socket.receive(data) == [(PING, b"p"), (TEXT, b"x")]
    assert (socket.phase, socket.close_code) == (Phase.CLOSED, code)
    assert socket.close_reason
    assert socket.take_outgoing() == server_frame(PONG, b"p") + server_frame(
        CLOSE, encode_close(code, socket.close_reason)
    )
    assert socket.receive(client_frame(TEXT, b"z")) == []


def test_too_big_has_the_words_of_reverb() -> None:
    socket = new()
    socket.receive(client_frame(TEXT, b"x" * 1001))
    assert socket.close_reason == "Maximum message size exceeded"


def test_limits_reach_the_framer() -> None:
    socket = WebSocket(max_message_bytes=1000, max_frame_bytes=10, max_fragments=2)
    start, more, end = client_frame(TEXT, b"a", fin=False), client_frame(0, fin=False), client_frame(0, b"b")
    assert socket.receive(start + end) == [(TEXT, b"ab")]
    assert socket.receive(start + more + end) == []
    assert socket.close_code == 1009
    socket = WebSocket(max_message_bytes=1000, max_frame_bytes=10)
    assert socket.receive(client_frame(TEXT, b"x" * 11)) == []
    assert socket.close_code == 1009


@pytest.mark.parametrize(("fragments", "close_code"), [(1024, None), (1025, 1009)])
def test_a_message_has_at_most_so_many_fragments_by_default(fragments: int, close_code: int | None) -> None:
    socket = new()
    start, more = client_frame(TEXT, b"a", fin=False), client_frame(0, fin=False)
    socket.receive(start + more * (fragments - 2) + client_frame(0, b"b"))
    assert socket.close_code == close_code


# Cost


def test_an_idle_connection_is_small() -> None:
    socket = new()
    assert not hasattr(socket, "__dict__")
    assert sys.getsizeof(socket) + sys.getsizeof(socket.reader) <= 272


def test_a_flood_of_pings_costs_linear_time() -> None:
    """Ten thousand pongs are joined once; appending each to the ones before would copy a hundred megabytes."""
    socket = new()
    count = 10_000
    assert len(socket.receive(client_frame(PING, b"x" * 100) * count)) == count
    assert len(socket.take_outgoing()) == count * 102
