"""Nodes that start while their Redis is away, serve clients, and find it later; and what comes while they do."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from revurb.bus.redis.catch_up import catch_up
from tests.bus.engines import DEADLINE_S, BusNode
from tests.bus.redis_engines import RedisCluster
from tests.chaos.proxy import Proxy
from tests.chaos.storm import MakeCluster
from tests.conftest import Run
from tests.redis_server import RedisServer

EVENTS = 20


@pytest.fixture
def cluster(
    make_cluster: MakeCluster, server: RedisServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisCluster]:
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.2)
    cluster = make_cluster(server, lease_s=5, heartbeat_s=0.3)
    yield cluster
    run(cluster.close())


def texts(node: BusNode) -> set[bytes]:
    return {b"%s %d" % (node.name.encode(), number) for number in range(EVENTS)}


async def publish_alone(nodes: list[BusNode]) -> None:
    """Each node lets a client in and publishes, without Redis."""
    for node in nodes:
        await node.enter()
    for node in nodes:
        for number in range(EVENTS):
            await node.publish(b"%s %d" % (node.name.encode(), number))


async def all_have(nodes: list[BusNode], expected: set[bytes]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        for node in nodes:
            await node.until(lambda node=node: expected <= set(node.texts()))  # type: ignore[misc]
    for node in nodes:
        assert sorted(node.texts()) == sorted(expected)


@pytest.mark.parametrize("round", range(3))
async def test_nodes_that_start_before_their_redis_miss_nothing(
    cluster: RedisCluster, server: RedisServer, round: int
) -> None:
    nodes = [await cluster.node_without_server() for _ in range(2)]
    await publish_alone(nodes)
    await server.start()
    await all_have(nodes, texts(nodes[0]) | texts(nodes[1]))
    assert [node.bus.missed + node.bus.health.dropped for node in nodes] == [0, 0]


async def test_a_node_that_starts_in_an_outage_misses_nothing(
    cluster: RedisCluster, server: RedisServer
) -> None:
    """A rolling restart: Redis is away, and one process after the other is replaced."""
    old = await cluster.node()
    server.signal(signal.SIGSTOP)
    await cluster.kill(old)
    nodes = [await cluster.node_without_server() for _ in range(2)]
    await publish_alone(nodes)
    server.signal(signal.SIGCONT)
    await all_have(nodes, texts(nodes[0]) | texts(nodes[1]))
    assert [node.bus.missed + node.bus.health.dropped for node in nodes] == [0, 0]


async def test_only_one_of_them_is_cut_off_at_its_start(
    cluster: RedisCluster, server: RedisServer, tmp_path: Path
) -> None:
    """What the other has published before the first node let its client in does not concern it."""
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    cluster.behind[1] = proxy.path
    try:
        node = await cluster.node()
        await node.enter()
        await node.publish(b"long ago")
        await asyncio.sleep(0.01)  # Redis' positions are in ms
        cut_off = await cluster.node_without_server()
        await publish_alone([cut_off])
        await publish_alone([node])
        await proxy.start()
        await all_have([cut_off], texts(node) | texts(cut_off))
        assert cut_off.bus.missed == 0
    finally:
        await cluster.close()
        await proxy.close()


async def test_a_start_that_takes_longer_than_the_log_is_counted(
    make_cluster: MakeCluster, server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.05)
    cluster = make_cluster(server, kept_s=0.1)
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    cluster.behind[0] = cluster.behind[1] = proxy.path
    await server.start()
    try:
        node, unused = await cluster.node_without_server(), await cluster.node_without_server()
        await node.enter()
        await asyncio.sleep(0.15)
        await proxy.start()
        await node.until(lambda: not node.bus.degraded and not unused.bus.degraded)
        await node.until(lambda: node.bus.missed)
        assert (node.bus.missed, unused.bus.missed) == (1, 0)
    finally:
        await cluster.close()
        await proxy.close()


async def test_whoever_falls_behind_while_it_reads_the_log_reads_on(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is published meanwhile than may wait in memory: it is read from the log, too, and there is an end of it."""
    here, there = await cluster.node(), await cluster.node()
    await there.enter()
    incoming, reads, published = there.bus._link._memory.incoming, 0, 0
    falling_behind: list[asyncio.Task[None]] = []

    async def fall_behind(read: Callable[[], None]) -> None:
        nonlocal published
        while not incoming.is_behind:
            await here.publish(b"%d" % published)
            published += 1
            await asyncio.sleep(0.001)
        read()

    def read_log(*arguments: Any) -> None:
        nonlocal reads
        if incoming in arguments:
            reads += 1
            if reads == 1:
                read = functools.partial(catch_up, *arguments)
                falling_behind.append(asyncio.create_task(fall_behind(read)))
                return
        catch_up(*arguments)

    monkeypatch.setattr("revurb.bus.redis.incoming_events.MAX_POSTPONED_BYTES", 2000)
    monkeypatch.setattr("revurb.bus.redis.session_start.catch_up", read_log)
    async with server.client() as client:
        await client.client_kill_filter(_type="pubsub", skipme=True)
    await there.until(lambda: reads and not incoming.is_catching_up)
    await here.publish(b"afterwards")
    await there.until(lambda: b"afterwards" in there.texts())
    assert there.texts() == [*(b"%d" % number for number in range(published)), b"afterwards"]
    assert reads > 1


async def test_what_still_waits_at_the_end_of_a_process_is_counted(
    cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    node = await cluster.node_without_server()
    await publish_alone([node])
    await node.bus.stop()
    assert node.bus.health.dropped == EVENTS
    [record] = [record for record in caplog.records if "others never get" in record.message]
    assert record.__dict__["dropped"] == EVENTS
