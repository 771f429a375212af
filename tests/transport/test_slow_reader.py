"""A peer that reads when the test says so, in memory: what it is answered, what waits, and when it is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from revurb._speedups.fanout import deliver
from revurb._speedups.frames import TEXT, server_frame
from revurb.observe.counters import Counters
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, FrameSender, Upgrade
from revurb.transport.intake import DIRECT_BYTES
from revurb.transport.timer_wheel import TICK_S
from revurb.transport.transport_buffers import STALLED_S
from revurb.wire.response import Response
from tests.transport.test_client_connection import (
    EMPTY_TEXT,
    HANDSHAKE,
    LIMITS,
    SWITCHING,
    DeadTransport,
    RecordingHandler,
    SlowHandler,
)

REPLY = server_frame(TEXT, b"r" * 40_000)  # two of them are more than may wait
EVENT = server_frame(TEXT, b"e" * 24_996)
MAX_QUEUED_BYTES = 2 * len(EVENT)
CLOSE_HEAD = b"\x88"


class Descriptor:
    """In place of a socket that the kernel knows nothing of."""

    def fileno(self) -> int:
        return -1


class UnreadTransport(DeadTransport):
    """Holds what it is given until the peer reads, and says so like the transports of asyncio. Everything goes through
    it, as with TLS."""

    def __init__(self) -> None:
        super().__init__()
        self._held_bytes, self._high, self._low = 0, 65536, 16384
        self._is_paused = False
        self.at_most_bytes: int | None = None  # to hold: the kernel takes the others
        self.protocol: ClientConnection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return Descriptor() if name == "socket" else super().get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        self._high, self._low = high, high // 4 if low is None else low
        self._tell()

    def get_write_buffer_size(self) -> int:
        return self._held_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        self._held_bytes += len(data)
        if self.at_most_bytes is not None:
            self._held_bytes = min(self._held_bytes, self.at_most_bytes)
        if self._held_bytes:
            self._tell()

    def is_read(self, up_to_bytes: int = 0) -> None:
        """The peer has read all but these."""
        self._held_bytes = up_to_bytes
        self._tell()

    def _tell(self) -> None:
        if not self._is_paused and self._held_bytes > self._high:
            self._is_paused = True
            self.protocol.pause_writing()
        elif self._is_paused and self._held_bytes <= self._low:
            self._is_paused = False
            self.protocol.resume_writing()


class ReplyingHandler(RecordingHandler):
    """Answers each message."""

    max_message_size_bytes = 10_000

    def opened(self, outlet: FrameSender) -> None:
        super().opened(outlet)
        self._outlet = outlet

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        super().on_message(opcode, payload, now)
        self._outlet.send(REPLY)


class Reader:
    """A WebSocket whose peer reads when the test says so. If `rest` is given, the answer to the handshake is there a
    turn of the loop later, and `rest` came right behind the handshake."""

    def __init__(self, max_queued_total_bytes: int = 1_000_000, rest: bytes | None = None) -> None:
        loop = asyncio.get_running_loop()
        limits = replace(
            LIMITS, max_queued_bytes=MAX_QUEUED_BYTES, max_queued_total_bytes=max_queued_total_bytes
        )
        answer: asyncio.Future[Answer] = loop.create_future()
        self.connections = Connections(SlowHandler(answer), limits, Counters(), loop)
        self.connection, self.handler = ClientConnection(self.connections), ReplyingHandler()
        self.transport = UnreadTransport()
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)
        if rest is None:
            self.connections.forget_http(*self.connections.http)
            self.connection.open(Upgrade(SWITCHING, self.handler), b"")
        else:
            self.connection.data_received(HANDSHAKE + rest)
            answer.set_result(Upgrade(SWITCHING, self.handler))

    def after(self, seconds: float) -> None:
        """That much time goes by, a tick at a time."""
        wheel = self.connections.wheel
        until = wheel.now + seconds
        while wheel.now < until:
            self.connections.on_tick(wheel.now + TICK_S)

    @property
    def messages(self) -> int:
        return self.handler.calls.count("message")

    def has_been_closed(self) -> bool:
        return "closed" in self.handler.calls

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    async def settled(self) -> None:
        """Some turns of the loop, in which nothing waits for anything outside."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.mark.parametrize("count", [4, 5])
async def test_it_is_answered_as_far_as_it_reads_and_read_from_when_it_has_caught_up(count: int) -> None:
    reader = Reader()
    fanout = reader.connections.fanout
    reader.connection.data_received(EMPTY_TEXT * count)
    for messages in (2, 4):
        await reader.until(lambda messages=messages: reader.messages == messages)  # type: ignore[misc]
        await reader.settled()
        assert reader.messages == messages
        assert not reader.transport.is_reading()
        assert fanout.transport_bytes == reader.transport.get_write_buffer_size() > 2 * 40_000
        reader.transport.is_read()
        assert fanout.transport_bytes == 0
    await reader.until(reader.transport.is_reading)
    assert reader.messages == count
    reader.connection.data_received(EMPTY_TEXT)
    assert reader.messages == count + 1
    await reader.settled()
    assert bytes(reader.transport.written) == SWITCHING + (count + 1) * REPLY
    assert not reader.has_been_closed()


@pytest.mark.parametrize("left_bytes", [0, 1, 2])
async def test_it_is_answered_to_the_end_however_little_the_kernel_left(left_bytes: int) -> None:
    """A transport tells nobody that it is empty again if it held no more than its limit, which cannot be less than 1
    with TLS."""
    reader = Reader()
    reader.transport.at_most_bytes = left_bytes
    reader.connection.data_received(EMPTY_TEXT * 3)
    await reader.settled()
    reader.transport.is_read()
    await reader.until(reader.transport.is_reading)
    assert reader.messages == 3


async def test_what_arrives_although_reading_is_paused_is_handled_in_its_turn() -> None:
    """A transport with TLS has decrypted more than was asked for."""
    reader = Reader()
    await reader.settled()
    unmasked = server_frame(TEXT, bytes(DIRECT_BYTES))
    large = unmasked[:1] + bytes((unmasked[1] | 0x80,)) + unmasked[2:4] + bytes(4) + unmasked[4:]
    reader.connection.data_received(large)
    assert (reader.messages, reader.transport.is_reading()) == (0, False)
    reader.connection.data_received(EMPTY_TEXT)
    assert reader.messages == 0
    await reader.until(lambda: reader.messages == 2)
    reader.transport.is_read()
    await reader.until(reader.transport.is_reading)
    assert not reader.has_been_closed()


async def test_what_others_send_reaches_it_while_its_replies_wait_up_to_the_limit() -> None:
    reader = Reader()
    reader.connection.data_received(EMPTY_TEXT * 3)
    await reader.settled()
    for count in (1, 2):
        deliver({reader.connection: None}, EVENT)
        await reader.settled()
        assert bytes(reader.transport.written) == SWITCHING + 2 * REPLY + count * EVENT
        assert not reader.has_been_closed()
    deliver({reader.connection: None}, EVENT)
    await reader.settled()
    assert reader.has_been_closed()
    assert reader.connections.counters.slow_consumers_total == 1
    close = bytes(reader.transport.written).removeprefix(SWITCHING + 2 * REPLY + 3 * EVENT)
    assert (close[:1], close[2:4]) == (CLOSE_HEAD, (4100).to_bytes(2))
    assert reader.messages == 2


async def test_what_it_sent_right_behind_its_handshake_is_held_to_the_same() -> None:
    reader = Reader(rest=2 * EMPTY_TEXT)
    await reader.settled()
    assert (reader.messages, reader.transport.is_reading()) == (2, False)
    reader.transport.is_read()
    await reader.until(reader.transport.is_reading)
    assert bytes(reader.transport.written) == SWITCHING + 2 * REPLY


async def test_its_input_dies_with_it() -> None:
    """It is lost while its input waits for a turn."""
    reader = Reader()
    reader.connection.data_received(EMPTY_TEXT * (DIRECT_BYTES // len(EMPTY_TEXT) + 1))
    reader.connection.connection_lost(None)
    await reader.settled()
    assert reader.handler.calls == ["opened", "closed"]


@pytest.mark.parametrize("takes", ["some", "nothing"])
async def test_that_it_takes_something_is_the_sign_that_it_lives(takes: str) -> None:
    """Nothing else is read from it while its replies wait."""
    reader = Reader()
    reader.connection.data_received(EMPTY_TEXT * 3)
    await reader.settled()
    for tenth in range(10):
        if takes == "some":
            reader.transport.is_read(80_000 - tenth * 1000)
        reader.after(reader.handler.ping_interval_s / 2)
    calls = {"some": [], "nothing": ["idle", "still idle", "unresponsive"]}[takes]
    assert reader.handler.calls == ["opened", "message", "message", *calls]


async def test_input_that_waits_for_room_is_no_silence() -> None:
    reader = Reader()
    fanout = reader.connections.fanout
    reader.connections.buffers.look = lambda now: None  # type: ignore[method-assign]
    fanout.transport_bytes = reader.connections.limits.max_queued_total_bytes + 1
    reader.connection.data_received(EMPTY_TEXT)
    reader.after(5 * reader.handler.ping_interval_s)
    assert reader.handler.calls == ["opened"]
    fanout.transport_bytes = 0
    reader.after(TICK_S)
    await reader.settled()
    assert reader.handler.calls == ["opened", "message"]


async def test_a_request_that_waits_for_room_is_not_late() -> None:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    answer.set_result(Response(200, b"OK", "text/plain"))
    connections = Connections(SlowHandler(answer), LIMITS, Counters(), asyncio.get_running_loop())
    connections.buffers.look = lambda now: None  # type: ignore[method-assign]
    connection, transport = ClientConnection(connections), UnreadTransport()
    connection.connection_made(transport)
    connections.fanout.transport_bytes = LIMITS.max_queued_total_bytes + 1
    connection.data_received(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(ceil(3 * LIMITS.request_timeout_s / TICK_S)):
        connections.on_tick(connections.wheel.now + TICK_S)
    assert not transport.written
    assert not transport.was_aborted()
    connections.fanout.transport_bytes = 0
    connections.on_tick(connections.wheel.now + TICK_S)
    async with asyncio.timeout(5):
        while not transport.written:
            await asyncio.sleep(0)
    assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_one_that_is_sent_too_much_is_ended_and_may_take_what_it_was_sent() -> None:
    reader = Reader()
    for _ in range(3):
        assert not reader.has_been_closed()
        deliver({reader.connection: None}, EVENT)
        await reader.settled()
        assert reader.connections.fanout.transport_bytes == reader.transport.get_write_buffer_size()
    assert reader.has_been_closed()
    assert reader.connections.counters.slow_consumers_total == 1
    assert bytes(reader.transport.written).startswith(SWITCHING + 3 * EVENT + CLOSE_HEAD)
    assert not reader.transport.was_aborted()


async def test_what_it_had_waiting_leaves_with_it() -> None:
    """Else nobody would be served any more once as much as may wait has left so."""
    reader = Reader()
    deliver({reader.connection: None}, EVENT)
    await reader.settled()
    assert reader.connections.fanout.transport_bytes == len(SWITCHING + EVENT)
    reader.connection.connection_lost(None)
    assert reader.connections.fanout.transport_bytes == 0


async def test_one_in_the_way_of_all_is_closed_and_then_dropped() -> None:
    reader = Reader(max_queued_total_bytes=1000)
    deliver({reader.connection: None}, EVENT)
    await reader.settled()
    reader.after(STALLED_S - 1)
    assert not reader.has_been_closed()
    while not reader.has_been_closed():
        assert not reader.transport.was_aborted()
        reader.after(TICK_S)
    assert reader.connections.counters.slow_consumers_total == 1
    assert not reader.transport.was_aborted()
    reader.after(TICK_S)  # it has not taken its Close
    assert reader.transport.was_aborted()
