"""The states of a connection, and the edges between them that no peer can be made to hit on time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from math import ceil
from typing import Any

import pytest

from revurb._speedups.plain_connection import CLOSING, HTTP, LOST, OPEN
from revurb.observe.counters import Counters
from revurb.transport.arriving_connection import NEXT
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, FrameSender, TransportLimits, Upgrade
from revurb.transport.timer_wheel import TICK_S
from revurb.wire.http import Request

HANDSHAKE = (
    b"GET /app/k HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
LIMITS = TransportLimits(
    max_head_bytes=16_384,
    max_body_bytes=10_000,
    max_queued_bytes=1_048_576,
    max_queued_total_bytes=268_435_456,
    request_timeout_s=10.0,
    keep_alive_timeout_s=75.0,
    pong_timeout_s=30.0,
    close_timeout_s=3.0,
)
EMPTY_TEXT = bytes((0x81, 0x80, 0, 0, 0, 0))
EMPTY_BINARY = b"\x82" + EMPTY_TEXT[1:]
EMPTY_PING = b"\x89" + EMPTY_TEXT[1:]
EMPTY_PONG = b"\x8a" + EMPTY_TEXT[1:]


class RecordingHandler:
    """A WebSocketHandler that keeps what was called."""

    max_message_size_bytes = 1000
    ping_interval_s = 60.0

    def __init__(self) -> None:
        self.calls: list[str] = []

    def opened(self, outlet: FrameSender) -> None:
        self.calls.append("opened")

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        self.calls.append("message")

    def on_control_frame(self) -> None:
        self.calls.append("control frame")

    def on_idle(self) -> None:
        self.calls.append("idle")

    def on_still_idle(self) -> None:
        self.calls.append("still idle")

    def on_unresponsive(self) -> None:
        self.calls.append("unresponsive")

    def closed(self) -> None:
        self.calls.append("closed")


class SlowHandler:
    """A RequestHandler whose answer is given later."""

    def __init__(self, answer: asyncio.Future[Answer]) -> None:
        self._answer = answer

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        return self._answer


class DeadTransport(asyncio.Transport):
    """A transport that takes everything and sends nothing. It is like one with TLS, whose side cannot be shut alone."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[str] = []  # how it has been ended
        self.reading = True
        self.written = bytearray()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return object() if name == "sslcontext" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def was_closed(self) -> bool:
        return "close" in self.ends

    def was_aborted(self) -> bool:
        return "abort" in self.ends

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading


class Accepted:
    """A connection whose handshake has come, and is answered when the test says so."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Answer] = self.loop.create_future()
        self.connections = Connections(SlowHandler(self._answer), LIMITS, Counters(), self.loop)
        self.connection, self.handler = ClientConnection(self.connections), RecordingHandler()
        self.transport = DeadTransport()
        self.connection.connection_made(self.transport)
        self.connection.data_received(HANDSHAKE)

    async def answer(self) -> None:
        self._answer.set_result(Upgrade(SWITCHING, self.handler))
        for _ in range(3):
            await asyncio.sleep(0)

    def after(self, seconds: float) -> None:
        """That much time goes by, a tick at a time."""
        wheel = self.connections.wheel
        until = wheel.now + seconds
        while wheel.now < until:
            self.connections.on_tick(wheel.now + TICK_S)


def test_every_state_has_a_row_and_leads_to_the_end() -> None:
    assert set(NEXT) == {HTTP, OPEN, CLOSING, LOST}
    assert all(LOST in others for state, others in NEXT.items() if state != LOST)
    assert NEXT[LOST] == ()


async def test_a_connection_lost_while_its_handshake_is_answered_closes_its_handler() -> None:
    """The answer is there and the peer has gone in the same turn of the loop: a handler that is never closed would keep
    its place in the app for ever."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()
    connections = Connections(SlowHandler(answer), LIMITS, Counters(), loop)
    connection, handler = ClientConnection(connections), RecordingHandler()
    connection.connection_made(DeadTransport())
    connection.data_received(HANDSHAKE)
    answer.set_result(Upgrade(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", handler))
    connection.connection_lost(None)  # before the callback of the answer, which is scheduled
    for _ in range(3):
        await asyncio.sleep(0)
    assert handler.calls == ["closed"]
    assert not connections.http
    assert not connections.websockets


async def test_a_connection_that_is_accepted_while_the_node_stops_is_dropped() -> None:
    """The loop accepts before it is told not to, and makes the protocol after: nobody would ever close it."""
    loop = asyncio.get_running_loop()
    connections = Connections(SlowHandler(loop.create_future()), LIMITS, Counters(), loop)
    connections.is_stopped = True
    connection, transport = ClientConnection(connections), DeadTransport()
    connection.connection_made(transport)
    assert transport.was_aborted()
    connection.connection_lost(None)
    assert not connections.http


async def test_a_websocket_outlives_the_timeouts_of_its_handshake() -> None:
    accepted = Accepted()
    await accepted.answer()
    for _ in range(4):
        accepted.after(LIMITS.request_timeout_s)
        accepted.connection.data_received(EMPTY_TEXT)
    assert not accepted.transport.was_aborted()
    assert accepted.handler.calls == ["opened", *["message"] * 4]


async def test_input_goes_on_after_a_handshake_whose_answer_took_time() -> None:
    """A frame right behind the handshake pauses reading until the handshake is answered."""
    accepted = Accepted()
    accepted.connection.data_received(EMPTY_TEXT)
    assert not accepted.transport.is_reading()
    await accepted.answer()
    assert accepted.transport.is_reading()
    assert accepted.handler.calls == ["opened", "message"]


async def test_much_input_behind_a_handshake_whose_answer_takes_time_is_handled_then() -> None:
    """It has had its turn, and could not be handled, before the answer was there."""
    accepted = Accepted()
    accepted.connection.data_received(EMPTY_TEXT * 500)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not accepted.handler.calls
    await accepted.answer()
    async with asyncio.timeout(5):
        while not accepted.transport.is_reading():
            await asyncio.sleep(0)
    assert accepted.handler.calls == ["opened", *["message"] * 500]


async def test_messages_are_handed_on_and_counted_and_pings_are_answered() -> None:
    accepted = Accepted()
    await accepted.answer()
    for frame in (EMPTY_TEXT, EMPTY_BINARY, EMPTY_PING, EMPTY_PONG):
        accepted.connection.data_received(frame)
    accepted.connection.ping()
    await asyncio.sleep(0)
    assert accepted.handler.calls == ["opened", "message", "message", "control frame", "control frame"]
    assert accepted.connections.counters.messages_received_total == 2
    assert accepted.connections.counters.connections_total == 1
    assert bytes(accepted.transport.written) == SWITCHING + b"\x8a\x00" + b"\x89\x00"


async def test_who_is_let_in_while_the_node_drains_is_closed_at_once() -> None:
    accepted = Accepted()
    accepted.connections.drain(4200, "Draining")
    await accepted.answer()
    assert accepted.handler.calls == ["opened", "closed"]
    assert bytes(accepted.transport.written) == SWITCHING + b"\x88\x0a" + (4200).to_bytes(2) + b"Draining"
    reports: list[str] = []
    accepted.connections.on_empty = lambda: reports.append("empty")
    accepted.after(LIMITS.close_timeout_s + TICK_S)
    assert accepted.transport.was_aborted()  # the peer has not closed
    assert not reports
    accepted.connection.connection_lost(None)
    assert reports == ["empty"]


async def test_silence_is_pinged_in_two_ways_and_then_the_end() -> None:
    accepted = Accepted()
    await accepted.answer()
    handler = accepted.handler
    accepted.after(handler.ping_interval_s - 1)
    assert handler.calls == ["opened"]
    accepted.after(2)
    assert handler.calls == ["opened", "idle"]
    accepted.after(LIMITS.pong_timeout_s / 2 - 2)
    assert handler.calls == ["opened", "idle"]
    accepted.after(2)
    assert handler.calls == ["opened", "idle", "still idle"]
    accepted.after(LIMITS.pong_timeout_s / 2 - 2)
    assert handler.calls == ["opened", "idle", "still idle"]
    accepted.after(2)
    assert handler.calls == ["opened", "idle", "still idle", "unresponsive"]
    assert accepted.connections.counters.unresponsive_total == 1


async def test_the_silence_is_over_when_its_time_has_come() -> None:
    accepted = Accepted()
    wheel = accepted.connections.wheel
    wheel.turn(ceil(wheel.now) + 1)  # so that the interval ends with a tick
    await accepted.answer()
    accepted.after(accepted.handler.ping_interval_s)
    assert accepted.handler.calls == ["opened", "idle"]


async def test_a_sign_of_life_starts_the_silence_over() -> None:
    accepted = Accepted()
    await accepted.answer()
    handler = accepted.handler
    for silence_s in (1, LIMITS.pong_timeout_s / 2 + 1, 1):
        accepted.after(handler.ping_interval_s + silence_s)
        accepted.connection.data_received(EMPTY_TEXT)
    accepted.after(LIMITS.pong_timeout_s)  # when it would have been unresponsive: looked at, and put off
    assert handler.calls == ["opened", "idle", "message", "idle", "still idle", "message", "idle", "message"]
    assert accepted.connections.counters.unresponsive_total == 0


async def test_a_websocket_that_is_lost_is_forgotten() -> None:
    accepted = Accepted()
    await accepted.answer()
    assert list(accepted.connections.websockets) == [accepted.connection]
    accepted.connection.connection_lost(None)
    assert not accepted.connections.websockets
    assert accepted.connection.wheel_tick is None
    accepted.after(2 * accepted.handler.ping_interval_s)
    assert accepted.handler.calls == ["opened", "closed"]
    assert not accepted.transport.was_aborted()


@pytest.mark.parametrize("way", ["aborted", "lost"])
async def test_a_connection_that_has_gone_is_given_nothing_more(way: str) -> None:
    """Its descriptor may be another's by then."""
    accepted = Accepted()
    await accepted.answer()
    accepted.connection.send(b"waits")
    if way == "aborted":
        accepted.connection.abort()
        assert accepted.transport.was_aborted()
    else:
        accepted.connection.connection_lost(None)
    accepted.connection.send(b"comes after")
    for _ in range(3):
        await asyncio.sleep(0)
    assert bytes(accepted.transport.written) == SWITCHING
    assert accepted.connections.fanout.queued_bytes == 0


async def test_what_comes_behind_a_long_answer_to_another_has_its_turn_later() -> None:
    """Else a turn of the loop would take as long as all the answers that are asked for in it."""
    accepted = Accepted()
    await accepted.answer()
    another = ClientConnection(accepted.connections)
    another.connection_made(DeadTransport())
    another.attach(accepted.connections.fanout, -1)
    another.send(b"x" * 70_000)
    accepted.connection.data_received(EMPTY_TEXT)
    assert accepted.handler.calls == ["opened"]
    assert not accepted.transport.is_reading()
    for _ in range(3):
        await asyncio.sleep(0)
    assert accepted.handler.calls == ["opened", "message"]
    assert accepted.transport.is_reading()
