"""A relay's socket: who connects there, and who speaks nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from revurb.bus.brokered.broker_messages import VERSION
from revurb.bus.hub.framing import MessageSplitter
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pipelines import FAILURES
from revurb.bus.relay import relay_messages as r
from revurb.bus.relay.relay_server import CHANNELS_PER_TURN, RelayServer
from revurb.bus.relay.relay_session import RelaySession
from tests.bus.relay.relayed_host import DEADLINE_S, RelayedHost, impatient_client, until
from tests.redis_server import RedisServer

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


def relay_of(host: RelayedHost) -> RelayServer:
    assert host.relay is not None
    return host.relay


def session_of(host: RelayedHost) -> RelaySession:
    session = relay_of(host)._session
    assert session is not None
    return session


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
    session = session_of(host)
    await until(lambda: len(session._wanted) == 2)


async def test_what_a_hostile_worker_subscribed_to_is_left(host: RelayedHost) -> None:
    async with connected(host) as (reader, writer):
        writer.write(r.encode_relay_frame(r.RelayJoin(1 << 40, 1)))
        await reader.read(1000)
        writer.write(r.encode_relay_frame(r.RelaySubscribe([b"a", b"b"])))
        session = session_of(host)
        await until(lambda: len(session._wanted) == 2)
    await until(lambda: not session._wanted)


async def test_a_worker_that_has_no_use_for_the_connections_has_them_made_anew_for_all(
    host: RelayedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not more often than once in a while. Whoever says so of connections that are gone says nothing new."""
    monkeypatch.setattr("revurb.bus.relay.relay_server.MIN_SESSION_S", 0.3)
    first, second, third = [await host.worker() for _ in range(3)]
    session = session_of(host)
    first.redis.distrust("no beat")
    assert await first.run(("PING",)) == [b"PONG"]  # so that it was received before the other
    second.redis.distrust("no beat either")
    await until(lambda: first.lost and second.lost and third.lost)
    assert asyncio.get_running_loop().time() >= relay_of(host)._joined_at + 0.3
    assert {*first.lost, *second.lost, *third.lost} == {"no beat"}
    late = await host.worker()
    assert await late.run(("PING",)) == [b"PONG"]
    relay_of(host).distrust(session, "too late")
    assert session_of(host) is not session
    assert await late.run(("PING",)) == [b"PONG"]
    assert late.lost == []


async def test_connections_that_have_become_of_use_are_kept(
    host: RelayedHost, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those to a Cluster whose parts come one after the other."""
    monkeypatch.setattr("revurb.bus.relay.relay_server.MIN_SESSION_S", 0.3)
    worker, loop = await host.worker(), asyncio.get_running_loop()
    session, joined_at = session_of(host), relay_of(host)._joined_at
    worker.redis.distrust("CLUSTERDOWN")
    assert await worker.run(("PING",)) == [b"PONG"]  # so that it was received
    await worker.subscribe("news")
    async with server.client() as client:
        await client.publish("news", "1")
        await until(lambda: worker.heard(b"news"))
    await until(lambda: loop.time() > joined_at + 0.35)
    assert session_of(host) is session
    assert worker.lost == []


async def test_a_redis_that_is_away_is_told_and_connected_to_when_it_comes(
    host: RelayedHost, server: RedisServer
) -> None:
    relay = relay_of(host)
    assert [relay.is_cut_off] == [False]
    await server.kill()
    worker = host.new_worker()
    with pytest.raises(RedisUnavailable, match="connecting to"):
        await worker.redis.open()
    await relay.no_connections.wait()  # between two tries of its workers it is cut off too
    assert relay_of(host).is_cut_off
    await server.start()
    await (await host.worker()).run(("PING",))
    assert not relay.is_cut_off


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
async def test_a_factory_that_fails_is_told_to_the_worker_and_tried_again(
    host: RelayedHost,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[Exception],
) -> None:
    relay = relay_of(host)

    def fail() -> Redis:
        raise kind("the vault is sealed")

    with monkeypatch.context() as patch:
        patch.setattr(relay, "_connect", fail)
        for _ in range(3):
            with pytest.raises(RedisUnavailable, match="the vault is sealed"):
                await host.new_worker().redis.open()
        assert relay.is_cut_off
    assert await (await host.worker()).run(("PING",)) == [b"PONG"]
    assert not relay_of(host).is_cut_off
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "a client of redis cannot be made"
    ]


async def test_a_black_hole_is_no_redis(
    host: RelayedHost, server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker waits for it, not for ever, and one that comes meanwhile waits with it."""
    monkeypatch.setattr("revurb.bus.relay.relay_session.OPEN_S", 0.3)
    server.signal(signal.SIGSTOP)
    workers = [host.new_worker() for _ in range(2)]
    async with asyncio.timeout(DEADLINE_S):
        told = await asyncio.gather(*(each.redis.open() for each in workers), return_exceptions=True)
    assert [str(error) for error in told] == ["no answer for 0 s"] * 2
    server.signal(signal.SIGCONT)
    assert await (await host.worker()).run(("PING",)) == [b"PONG"]


async def test_the_end_is_told_to_all(host: RelayedHost) -> None:
    worker, relay = await host.worker(), relay_of(host)
    assert not relay.no_connections.is_set()
    await host.stop_relay()
    await until(lambda: worker.lost)
    assert worker.lost == ["the relay of this host ends"]
    assert relay.no_connections.is_set()
    with pytest.raises(RedisUnavailable, match="the relay of this host is away"):
        await host.new_worker().redis.open()


async def test_many_channels_are_joined_and_left_in_slices_and_in_order(host: RelayedHost) -> None:
    """Whatever comes at once: others have their turn in between."""
    turn, in_turn = 0, Counter[int]()

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async with connected(host) as (reader, writer):
        writer.write(r.encode_relay_frame(r.RelayJoin(1 << 40, 1)))
        await reader.read(1000)
        session = session_of(host)
        subscribe, unsubscribe = session.subscribe, session.unsubscribe

        def subscribing(worker: Any, channels: Sequence[bytes]) -> None:
            in_turn[turn] += len(channels)
            subscribe(worker, channels)

        def unsubscribing(worker: Any, channels: Iterable[bytes]) -> None:
            in_turn[turn] += len(list(channels))
            unsubscribe(worker, channels)

        session.subscribe, session.unsubscribe = subscribing, unsubscribing  # type: ignore[method-assign]
        channels = [b"channel-%d" % number for number in range(4000)]
        frames = [r.encode_relay_frame(r.RelaySubscribe(channels[n : n + 50])) for n in range(0, 4000, 50)]
        frames += [
            r.encode_relay_frame(r.RelayUnsubscribe(channels[n : n + 50])) for n in range(50, 4000, 50)
        ]
        frames.append(r.encode_relay_frame(r.RelayCommands(7, b"PING\r\n", 1)))
        turning = asyncio.create_task(count_turns())
        writer.write(b"".join(frames))
        splitter, bodies = MessageSplitter(), list[bytes]()
        while not bodies:
            bodies += splitter.feed(await reader.read(1000))
        assert r.read_from_relay(bodies[0]) == r.RelayReplies(7, [b"PONG"])
        assert list(session._wanted) == channels[:50]
    assert in_turn.total() == 4000 + 3950
    assert max(in_turn.values()) == CHANNELS_PER_TURN
    turning.cancel()
    assert session_of(host) is session


@pytest.mark.parametrize(
    ("packed", "count"), [(b"PING\r\n", 5), (b"PING\r\n" * 5, 1), (b"*1\r\n$-7\r\nPING\r\n", 1)]
)
async def test_a_worker_that_miscounts_costs_the_others_a_connection(
    server: RedisServer, tmp_path: Path, packed: bytes, count: int
) -> None:
    """What they sent with it has failed, and is sent again. It is a process of the same user, which has the password of
    the Redis."""
    await server.start()

    async with RelayedHost(partial(impatient_client, server), str(tmp_path / "relay.sock")) as host:
        worker = await host.worker()
        await worker.run(("SET", "a", "1"))
        async with connected(host) as (reader, writer):
            writer.write(r.encode_relay_frame(r.RelayJoin(1 << 40, 1)))
            await reader.read(1000)
            writer.write(r.encode_relay_frame(r.RelayCommands(7, packed, count)))
            await reader.read(1000)
        with contextlib.suppress(*FAILURES):
            assert await worker.run(("GET", "a")) == [b"1"]
        assert await worker.run(("GET", "a")) == [b"1"]
