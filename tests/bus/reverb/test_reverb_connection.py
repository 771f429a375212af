"""One connection of a bridge: it counts PHP nodes, and ends when something breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.reverb.reverb_connection import ReverbChannels, ReverbConnection
from tests.chaos.proxy import Proxy
from tests.conftest import Need, Run
from tests.redis_server import RedisServer


@pytest.fixture
def server(run: Run, need: Need, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    yield server
    run(server.kill())


class Bridge:
    """A connection and what it reported."""

    def __init__(self, server: RedisServer, node: str, by_way_of: str | None = None) -> None:
        self.up = asyncio.Event()
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.on_message: Callable[[bytes], None] = self.messages.put_nowait
        self.counts: asyncio.Queue[int] = asyncio.Queue()
        self.connection = ReverbConnection(
            server.client(by_way_of),
            ReverbChannels("reverb", "bridges", f"bridge:{node}"),
            ReceivingGate(),
            on_up=self.up.set,
            on_php_message=lambda message: self.on_message(message),
            on_php_nodes=self.counts.put_nowait,
        )
        self.running = asyncio.create_task(self.connection.run())

    async def counted(self, php_nodes: int) -> None:
        while await self.counts.get() != php_nodes:
            pass

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.wait((self.running,))


async def test_subscribers_that_are_no_bridges_are_php_nodes(server: RedisServer) -> None:
    await server.start()
    async with asyncio.timeout(10), server.client() as client:
        bridges = [Bridge(server, "n1"), Bridge(server, "n2")]
        for bridge in bridges:
            await bridge.up.wait()
            await bridge.counted(0)
        async with client.pubsub() as php_node:
            await php_node.subscribe("reverb")
            for bridge in bridges:
                await bridge.counted(1)
            await client.publish("reverb", b"hello")
            for bridge in bridges:
                assert await bridge.messages.get() == b"hello"
        for bridge in bridges:
            await bridge.counted(0)
            await bridge.close()


async def test_a_bridge_that_has_left_is_subscribed_to_nothing_and_counted_by_nobody(
    server: RedisServer,
) -> None:
    await server.start()
    async with asyncio.timeout(10), server.client() as client:
        bridge = Bridge(server, "n1")
        await bridge.up.wait()
        await bridge.connection.leave()
        assert await client.pubsub_numsub("reverb", "bridges") == [(b"reverb", 0), (b"bridges", 0)]
        await bridge.close()


async def test_when_a_bridge_has_left_everything_that_came_before_is_answered(server: RedisServer) -> None:
    """PHP nodes wait for the answer of everybody to whom Redis has sent their question."""
    await server.start()
    async with asyncio.timeout(10), server.client() as client:
        bridge = Bridge(server, "n1")
        await bridge.up.wait()
        commands = bridge.connection.commands
        bridge.on_message = lambda message: commands.run_command("INCR", "answered")
        pipeline = client.pipeline()
        for _ in range(500):
            pipeline.publish("reverb", b"x" * 10_000)
        assert await pipeline.execute() == [1] * 500
        await bridge.connection.leave()
        assert await client.get("answered") == b"500"
        await bridge.close()


async def test_a_connection_that_has_ended_leaves_nothing_behind(server: RedisServer) -> None:
    """However it ends: Redis has a limited number of connections, and nobody goes on counting PHP nodes."""
    await server.start()
    async with asyncio.timeout(10), server.client() as client:
        tasks, connections = len(asyncio.all_tasks()), len(await client.client_list())
        bridge = Bridge(server, "n1")
        await bridge.counted(0)
        await bridge.close()
        bridge = Bridge(server, "n2")
        await bridge.counted(0)
        bridge.connection.on_lost(RedisUnavailable("one"))
        bridge.connection.on_lost(RedisUnavailable("another"))
        with pytest.raises(RedisUnavailable, match="one"):
            await bridge.running
        while len(asyncio.all_tasks()) != tasks or len(await client.client_list()) != connections:
            await asyncio.sleep(0.02)


async def test_a_redis_that_goes_ends_the_connection(server: RedisServer) -> None:
    await server.start()
    bridge = Bridge(server, "n1")
    async with asyncio.timeout(10):
        await bridge.up.wait()
        await server.kill()
        with pytest.raises(RedisUnavailable):
            await bridge.running


async def test_a_connection_that_falls_silent_is_ended(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis answers commands as before, but what PHP nodes publish does not come any more, and nothing says so."""
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.SILENT_AFTER_S", 1.0)
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.POLL_S", 0.02)
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    bridge = Bridge(server, "n1", proxy.path)
    try:
        async with asyncio.timeout(10):
            await bridge.up.wait()
            proxy.swallow_subscriptions()
            with pytest.raises(RedisUnavailable, match="nothing has come back for 1 s"):
                await asyncio.shield(bridge.running)
    finally:
        await proxy.close()
        await bridge.close()


async def test_a_channel_on_which_nothing_is_said_is_not_silent(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.SILENT_AFTER_S", 0.6)
    monkeypatch.setattr("revurb.bus.reverb.reverb_connection.POLL_S", 0.02)
    await server.start()
    async with asyncio.timeout(10):
        bridge = Bridge(server, "n1")
        await bridge.up.wait()
        while bridge.counts.qsize() < 45:  # 0.9 s
            await asyncio.wait((bridge.running,), timeout=0.02)
            assert not bridge.running.done()
        await bridge.close()


async def test_a_redis_that_is_not_there_ends_it_before_it_is_up(server: RedisServer) -> None:
    bridge = Bridge(server, "n1")
    async with asyncio.timeout(10):
        with pytest.raises(RedisUnavailable):
            await bridge.running
    assert not bridge.up.is_set()
