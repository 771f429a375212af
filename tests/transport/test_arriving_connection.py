"""The first bytes of a connection: a plain handshake is answered at once, anything else is read with care."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from revurb._speedups.plain_connection import HTTP, OPEN
from revurb.observe.counters import Counters
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, Upgrade
from revurb.transport.http_connection import HttpConnection
from revurb.transport.timer_wheel import TICK_S
from revurb.wire.http import Request
from revurb.wire.response import Response
from tests.transport.test_client_connection import (
    EMPTY_TEXT,
    HANDSHAKE,
    LIMITS,
    SWITCHING,
    DeadTransport,
    RecordingHandler,
)


class Arrived:
    """A connection that was accepted. `welcome` lets it in; requests get a 200."""

    def __init__(self, welcome: Callable[[bytes], Upgrade | None] | None = None) -> None:
        self.asked: list[str] = []
        self.handler = RecordingHandler()
        self.connections = Connections(self, LIMITS, Counters(), asyncio.get_running_loop())
        self.connections.welcome = self.let_in if welcome is None else welcome
        self.transport = DeadTransport()
        self.connection = ClientConnection(self.connections)
        self.connection.connection_made(self.transport)

    def let_in(self, data: bytes) -> Upgrade | None:
        return Upgrade(SWITCHING, self.handler) if data.startswith(HANDSHAKE[:-2]) else None

    def on_request(self, request: Request) -> Answer:
        self.asked.append(request.path)
        return Response(200, b"{}")

    def after(self, seconds: float) -> None:
        wheel = self.connections.wheel
        until = wheel.now + seconds
        while wheel.now < until:
            self.connections.on_tick(wheel.now + TICK_S)


async def test_a_plain_handshake_needs_no_http_connection() -> None:
    arrived = Arrived()
    arrived.connection.data_received(HANDSHAKE)
    arrived.connections.fanout.flush(1.0)
    assert (arrived.connection._state, arrived.connection._http, arrived.asked) == (OPEN, None, [])
    assert bytes(arrived.transport.written).startswith(SWITCHING)
    assert (list(arrived.connections.websockets), list(arrived.connections.http)) == (
        [arrived.connection],
        [],
    )
    arrived.connection.data_received(EMPTY_TEXT)
    assert arrived.handler.calls == ["opened", "message"]
    counters = arrived.connections.counters
    assert (counters.http_requests_total, counters.connections_total, counters.messages_received_total) == (
        1,
        1,
        1,
    )


def refuse(data: bytes) -> Upgrade | None:
    return None


def fail(data: bytes) -> Upgrade | None:
    raise RuntimeError("a fault")


@pytest.mark.parametrize("welcome", [refuse, fail])
async def test_what_is_not_welcome_is_a_request(welcome: Callable[[bytes], Upgrade | None]) -> None:
    arrived = Arrived(welcome)
    arrived.connection.data_received(HANDSHAKE)
    assert arrived.asked != []
    assert bytes(arrived.transport.written).startswith(b"HTTP/1.1 200 OK")


async def test_only_the_first_bytes_may_be_one() -> None:
    arrived = Arrived()
    for piece in (HANDSHAKE[:10], HANDSHAKE[10:]):
        arrived.connection.data_received(piece)
    assert (arrived.connection._state, len(arrived.asked)) == (HTTP, 1)


async def test_a_head_over_the_limit_is_left_to_who_refuses_it() -> None:
    arrived = Arrived()
    long = HANDSHAKE.removesuffix(b"\r\n") + b"X: %b\r\n\r\n" % (b"x" * LIMITS.max_head_bytes)
    arrived.connection._handle_input(long)
    assert bytes(arrived.transport.written).startswith(b"HTTP/1.1 413 ")


async def test_one_that_sends_nothing_is_dropped_after_the_request_timeout() -> None:
    arrived = Arrived()
    arrived.after(LIMITS.request_timeout_s - 1)
    assert arrived.transport.ends == []
    arrived.after(1.5)
    assert arrived.transport.ends == ["abort"]
    arrived.connection.connection_lost(None)
    assert not arrived.connections.http
    assert arrived.connection.wheel_tick is None


async def test_a_drain_closes_one_that_has_sent_nothing() -> None:
    arrived = Arrived()
    empty: list[bool] = []
    arrived.connections.on_empty = lambda: empty.append(True)
    arrived.connections.drain(4200, "")
    arrived.connections.close_idle_http()
    assert (arrived.transport.ends, empty) == (["close"], [])
    assert [type(each) for each in arrived.connections.http] == [HttpConnection]
    arrived.connection.connection_lost(None)
    assert empty == [True]
