"""The states of a connection, and the edges between them that no peer can be made to hit on time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from revurb.observe.counters import Counters
from revurb.transport.client_connection import NEXT, ClientConnection, ConnectionState
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, FrameSender, TransportLimits, Upgrade
from revurb.wire.http import Request

HANDSHAKE = (
    b"GET /app/k HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


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

    def on_control_frame(self) -> None: ...
    def on_idle(self) -> None: ...
    def on_unresponsive(self) -> None: ...

    def closed(self) -> None:
        self.calls.append("closed")


class SlowHandler:
    """A RequestHandler whose answer is given later."""

    def __init__(self, answer: asyncio.Future[Answer]) -> None:
        self._answer = answer

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        return self._answer


class DeadTransport(asyncio.Transport):
    """A transport that takes everything and sends nothing."""

    was_aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return object() if name == "sslcontext" else default

    def write(self, data: object) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.was_aborted = True

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_reading(self) -> bool:
        return True


def test_every_state_has_a_row_and_leads_to_the_end() -> None:
    assert set(NEXT) == set(ConnectionState)
    assert all(
        ConnectionState.LOST in others for state, others in NEXT.items() if state is not ConnectionState.LOST
    )
    assert NEXT[ConnectionState.LOST] == ()


async def test_a_connection_lost_while_its_handshake_is_answered_closes_its_handler() -> None:
    """The answer is there and the peer has gone in the same turn of the loop: a handler that is never closed would keep
    its place in the app for ever."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()
    connections = Connections(SlowHandler(answer), TransportLimits(), Counters(), loop)
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
    connections = Connections(SlowHandler(loop.create_future()), TransportLimits(), Counters(), loop)
    connections.is_stopped = True
    connection, transport = ClientConnection(connections), DeadTransport()
    connection.connection_made(transport)
    assert transport.was_aborted
    connection.connection_lost(None)
    assert not connections.http
