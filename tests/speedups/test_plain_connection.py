"""A whole text frame in one read has the effects that it has in two, which the careful way reads."""

from __future__ import annotations

import asyncio
import random
import socket
import sys

import pytest

from revurb._speedups.plain_connection import PlainConnection
from revurb.observe.counters import Counters
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Upgrade
from tests.fuzz.seeds import STREAMS, frame
from tests.transport.test_client_connection import LIMITS, DeadTransport, RecordingHandler, SlowHandler

TEXT = 0x81
FRAMES = [
    *STREAMS.values(),
    *(frame(TEXT, b"x" * size) for size in (0, 1, 124, 125, 126, 127, 999, 1000, 1001, 1500)),
    frame(TEXT, "\u20ac\U0001f600".encode(), key=b"\x01\x80\xff\x7f"),
    b"\x81\xfe\0\x7d" + bytes(4 + 125),  # a length that is not in its shortest form
    b"\x81\xff" + bytes(7) + b"\x05" + bytes(4 + 5),
]


class Handler(RecordingHandler):
    """Keeps what it is given."""

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        self.calls.append(f"{opcode} {payload!r} {now}")


def effects_of(*pieces: bytes) -> tuple[list[str], bytes, list[str], int]:
    """What the handler, and the peer, of a connection that gets these are told."""
    loop = asyncio.get_running_loop()
    connections = Connections(SlowHandler(loop.create_future()), LIMITS, Counters(), loop)
    connections.on_tick(5.0)
    connection, handler, transport = ClientConnection(connections), Handler(), DeadTransport()
    connection.connection_made(transport)
    connection.open(Upgrade(b"", handler), b"")
    for piece in pieces:
        connection.data_received(piece)
    connections.fanout.flush(10.0)
    return (
        handler.calls,
        bytes(transport.written),
        transport.ends,
        connections.counters.messages_received_total,
    )


async def test_whatever_comes_whole_has_the_effects_of_what_comes_in_two() -> None:
    dice = random.Random(6455)
    for data in FRAMES:
        assert effects_of(data) == effects_of(data[:1], data[1:]), data[:20]
    for _ in range(500):
        changed = bytearray(dice.choice(FRAMES)[:200])
        changed[dice.randrange(min(len(changed), 12))] = dice.randrange(256)
        assert effects_of(bytes(changed)) == effects_of(bytes(changed[:1]), bytes(changed[1:])), changed[:20]


async def test_the_limit_of_a_message_is_that_of_now() -> None:
    loop = asyncio.get_running_loop()
    connections = Connections(SlowHandler(loop.create_future()), LIMITS, Counters(), loop)
    connection, handler = ClientConnection(connections), Handler()
    connection.connection_made(DeadTransport())
    connection.open(Upgrade(b"", handler), b"")
    connection.data_received(frame(TEXT, b"abcd"))
    handler.max_message_size_bytes = 3
    connection.data_received(frame(TEXT, b"abcd"))
    assert handler.calls == ["opened", "1 b'abcd' 0.0".replace("0.0", str(connections.wheel.now)), "closed"]


async def test_it_takes_bytes_of_connections() -> None:
    loop = asyncio.get_running_loop()
    connections = Connections(SlowHandler(loop.create_future()), LIMITS, Counters(), loop)
    connection = PlainConnection(connections)
    assert connection.data_received is connection, "a bound method would be 80 bytes for each"
    with pytest.raises(TypeError):
        connection.data_received(bytearray())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        PlainConnection(None)  # type: ignore[arg-type]


async def test_how_long_nothing_was_sent() -> None:
    loop = asyncio.get_running_loop()
    connections = Connections(SlowHandler(loop.create_future()), LIMITS, Counters(), loop)
    connection = PlainConnection(connections)
    assert connection.seconds_since_sent() is None
    listener = socket.create_server(("127.0.0.1", 0))
    unix = socket.socketpair()
    with listener, socket.create_connection(listener.getsockname()) as client, unix[0], unix[1]:
        connection.attach(connections.fanout, client.fileno(), None, True)
        connection.send(b"a")
        connection.flush()
        since_s = connection.seconds_since_sent()
        assert sys.platform != "linux" or (since_s is not None and 0 <= since_s < 60)
        connection.attach(connections.fanout, unix[0].fileno())
        assert connection.seconds_since_sent() is None
        connection.detach()
