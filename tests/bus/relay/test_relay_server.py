"""A relay's socket: who connects there, and who speaks nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from revurb.bus.brokered.broker_messages import VERSION
from revurb.bus.hub.framing import MessageSplitter
from revurb.bus.relay import relay_messages as r
from tests.bus.relay.relayed_host import DEADLINE_S, RelayedHost, until

GARBAGE = [
    b"\xff" * 100,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    struct.pack(">IB", 0xFFFF_FFFF, VERSION),
    struct.pack(">IB", 0, VERSION),
    struct.pack(">IB", 4, VERSION) + b"\xc1\xc1\xc1",
    struct.pack(">IB", 2001, VERSION) + b"\x91" * 2000,
    r.encode_relay_frame(r.RelayCommands(1, b"FLUSHALL\r\n", 1)),
    r.encode_relay_frame(r.RelaySubscribe([b"news"])),
    r.encode_relay_frame(r.RelayDistrust("because")),
    r.encode_relay_frame(r.RelayJoin(1 << 63, 1)),
    *(
        struct.pack(">IB", len(body) + 1, VERSION) + body
        for body in map(msgspec.msgpack.encode, ((1, -1, 1), (1, 0, 1), (1, 2.5, 1), (1, 1, 0), (9, 1), (1,)))
    ),
]


@contextlib.asynccontextmanager
async def connected(host: RelayedHost) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(host.address)
    async with asyncio.timeout(DEADLINE_S):
        yield reader, writer
    writer.close()


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_whoever_speaks_nonsense_is_disconnected_and_the_others_are_not(
    host: RelayedHost, garbage: bytes
) -> None:
    worker = await host.worker()
    await worker.run(("SET", "a", "1"))
    async with connected(host) as (reader, writer):
        writer.write(garbage)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert await worker.run(("GET", "a")) == [b"1"]
    assert worker.lost == []


async def test_messages_of_another_version_are_skipped(host: RelayedHost) -> None:
    async with connected(host) as (reader, writer):
        writer.write(struct.pack(">IB", 7, VERSION + 1) + b"future")
        writer.write(r.encode_relay_frame(r.RelayJoin(1 << 40, 1)))
        (body,) = MessageSplitter().feed(await reader.read(1000))
        assert isinstance(r.read_from_relay(body), r.RelayJoined)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"x" * 70_000])
async def test_a_channel_that_has_no_name_disconnects_who_wants_it(host: RelayedHost, name: bytes) -> None:
    """And nobody else: what is confirmed to others in the same turn is confirmed."""
    worker = await host.worker()
    await worker.subscribe("news")
    async with connected(host) as (reader, writer):
        writer.write(r.encode_relay_frame(r.RelayJoin((1 << 63) - 1, 1)))
        await reader.read(1000)
        writer.write(r.encode_relay_frame(r.RelaySubscribe([b"news", name, b"more"])))
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    await worker.subscribe("more")
    assert worker.lost == []
    assert host.relay is not None
    session = host.relay._session
    assert session is not None
    await until(lambda: len(session._workers) == 2)


async def test_what_a_hostile_worker_subscribed_to_is_left(host: RelayedHost) -> None:
    async with connected(host) as (reader, writer):
        writer.write(r.encode_relay_frame(r.RelayJoin(1 << 40, 1)))
        await reader.read(1000)
        writer.write(r.encode_relay_frame(r.RelaySubscribe([b"a", b"b"])))
        assert host.relay is not None
        session = host.relay._session
        assert session is not None
        await until(lambda: len(session._workers) == 2)
    await until(lambda: not session._workers)
