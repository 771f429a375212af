"""A peer of the HTTP API that reads when the test says so, in memory: its answers wait, and with them its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from revurb.observe.counters import Counters
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, RequestHandler
from revurb.transport.intake import DIRECT_BYTES
from revurb.transport.timer_wheel import TICK_S
from revurb.transport.transport_buffers import STALLED_S
from revurb.wire.http import Request
from revurb.wire.response import Response
from tests.transport.test_client_connection import LIMITS
from tests.transport.test_slow_reader import UnreadTransport

BODY_BYTES = 100_000  # more than a transport takes before it says that it is full


class LongAnswers:
    """Answers each request at once, with its path and a lot behind it."""

    def __init__(self, body_bytes: int = BODY_BYTES) -> None:
        self._body_bytes = body_bytes

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        return Response(200, request.path.encode().ljust(self._body_bytes, b"."), "text/plain")


class HttpReader:
    """A connection whose peer reads when the test says so."""

    def __init__(
        self, max_queued_total_bytes: int = 1_000_000, handler: RequestHandler | None = None
    ) -> None:
        limits = replace(LIMITS, max_queued_total_bytes=max_queued_total_bytes)
        handler = LongAnswers() if handler is None else handler
        self.connections = Connections(handler, limits, Counters(), asyncio.get_running_loop())
        self.connection, self.transport = ClientConnection(self.connections), UnreadTransport()
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)

    def asks(self, *paths: str, padding: int = 0) -> None:
        fields = f"Host: x\r\nX-Padding: {'x' * padding}\r\n\r\n"
        self.connection.data_received("".join(f"GET {path} HTTP/1.1\r\n{fields}" for path in paths).encode())

    @property
    def answered(self) -> list[str]:
        answers = bytes(self.transport.written).decode().split("HTTP/1.1 200 OK\r\n")[1:]
        return [answer.partition("\r\n\r\n")[2].rstrip(".") for answer in answers]

    @property
    def counted_bytes(self) -> int:
        return self.connections.fanout.transport_bytes

    def after(self, seconds: float) -> None:
        """That much time goes by, a tick at a time."""
        wheel = self.connections.wheel
        until = wheel.now + seconds
        while wheel.now < until:
            self.connections.on_tick(wheel.now + TICK_S)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)


async def test_what_it_asks_waits_for_what_it_has_not_taken() -> None:
    reader = HttpReader()
    reader.asks("/1", "/2", "/3")
    assert reader.answered == ["/1"]
    assert not reader.transport.is_reading()
    assert reader.counted_bytes == reader.transport.get_write_buffer_size() > BODY_BYTES
    for answered in (["/1", "/2"], ["/1", "/2", "/3"]):
        reader.transport.is_read()
        assert reader.answered == answered
        assert not reader.transport.is_reading()
    reader.transport.is_read()
    assert reader.counted_bytes == 0
    await reader.until(reader.transport.is_reading)
    reader.asks("/4")
    assert reader.answered == ["/1", "/2", "/3", "/4"]


async def test_what_arrives_although_reading_is_paused_is_answered_in_its_turn() -> None:
    reader = HttpReader()
    reader.asks("/1")
    reader.asks("/2")
    assert reader.answered == ["/1"]
    reader.transport.is_read()
    await reader.until(lambda: reader.answered == ["/1", "/2"])


async def test_a_request_that_is_large_is_answered_when_its_turn_comes() -> None:
    reader = HttpReader()
    reader.asks("/large", padding=2 * DIRECT_BYTES)
    assert reader.answered == []
    await reader.until(lambda: reader.answered == ["/large"])


async def test_it_is_dropped_where_it_takes_nothing_and_is_in_the_way_of_all() -> None:
    reader = HttpReader(max_queued_total_bytes=1000)
    reader.asks("/1")
    reader.after(STALLED_S - 1)
    assert not reader.transport.was_aborted()
    reader.after(1 + 2 * TICK_S)
    assert reader.transport.was_aborted()
    reader.connection.connection_lost(None)
    assert reader.counted_bytes == 0


async def test_it_is_not_in_the_way_while_it_goes_on_to_the_next_answer() -> None:
    """Each is read within the time, and the next is written at once: what waits does not shrink."""
    reader = HttpReader(max_queued_total_bytes=1000)
    reader.asks(*(f"/{number}" for number in range(10)))
    for _ in range(9):
        reader.after(STALLED_S - 1)
        reader.transport.is_read(up_to_bytes=BODY_BYTES // 10)
    assert not reader.transport.was_aborted()
    assert len(reader.answered) == 10


async def test_its_connection_ends_when_it_asks_nothing_more() -> None:
    reader = HttpReader()
    timeout_s = reader.connections.limits.keep_alive_timeout_s
    reader.asks("/1")
    reader.transport.is_read()
    reader.after(timeout_s - 1)
    reader.asks("/2")
    reader.transport.is_read()
    reader.after(timeout_s - 1)
    assert not reader.transport.was_aborted()
    reader.after(1 + 2 * TICK_S)
    assert reader.transport.was_aborted()


async def test_its_connection_is_not_held_on_to_when_it_ends_its_side_and_waits_for_nothing() -> None:
    reader = HttpReader()
    reader.asks("/1")
    assert not reader.connection.eof_received()
