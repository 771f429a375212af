"""What befalls a Redis, under a load of 1,000 events a second: nothing lost, nothing doubled, order kept."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.bus.redis import pubsub_listener
from revurb.bus.redis.envelope import parse_stream_id
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP, DEADLINE_S, resolve, texts_up_to
from tests.bus.redis_engines import RedisCluster
from tests.chaos.proxy import Proxy
from tests.chaos.storm import LONG, MakeCluster, own_unless_long, seconds, storm
from tests.conftest import Run
from tests.redis_server import RedisServer

# Over whose connections, and the node that it is before.
BLACK_HOLES = [("own", 0), ("relay", 1), *([("own", 1), ("relay", 0)] if LONG else [])]


@pytest.fixture
def cluster(make_cluster: MakeCluster, server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = make_cluster(server, lease_s=5, heartbeat_s=0.3)
    yield cluster
    run(cluster.close())


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
async def test_connections_are_killed_again_and_again(
    cluster: RedisCluster, server: RedisServer, kind: str
) -> None:
    async with storm(cluster), server.client() as client:
        for _ in range(int(seconds(20, 5))):
            await client.client_kill_filter(_type=kind, skipme=True)
            await asyncio.sleep(0.3)


@own_unless_long
async def test_redis_stands_still(cluster: RedisCluster, server: RedisServer) -> None:
    async with storm(cluster):
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds(10, 4))
        server.signal(signal.SIGCONT)
        await asyncio.sleep(1)


@own_unless_long
async def test_redis_is_killed_and_comes_back_empty(cluster: RedisCluster, server: RedisServer) -> None:
    """What it alone held may be gone: then that is counted. What was published meanwhile comes."""
    async with storm(cluster) as running_storm:
        before = running_storm.published
        await server.kill()
        running_storm.forgotten = range(max(0, before - 200), running_storm.published)
        await asyncio.sleep(seconds(5, 1))
        await server.start()
        await asyncio.sleep(2)


@pytest.mark.parametrize(("make_cluster", "victim"), BLACK_HOLES, indirect=["make_cluster"])
async def test_a_black_hole_before_one_node(
    cluster: RedisCluster, server: RedisServer, tmp_path: Path, victim: int
) -> None:
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    cluster.behind[victim] = proxy.path
    try:
        async with storm(cluster):
            proxy.is_black_hole = True
            await asyncio.sleep(seconds(20, 6))
            proxy.is_black_hole = False
            await asyncio.sleep(2)
    finally:
        await cluster.close()
        await proxy.close()


@own_unless_long
async def test_the_queue_is_bounded_and_what_falls_out_is_counted(
    cluster: RedisCluster, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    node, other = await cluster.node(), await cluster.node()
    await other.enter()
    await cluster.outage()
    await node.until(lambda: node.bus.degraded)
    for number in range(50_010):
        await resolve(node.bus.publish(PublishedEvent(APP, "news", b"%d" % number)))
    assert node.bus.health.dropped == 10
    await cluster.recover()
    await other.until(lambda: b"50009" in other.texts()[-1:])
    assert other.texts() == [b"%d" % number for number in range(10, 50_010)]
    records = [record for record in caplog.records if record.name == "revurb.bus.brokered.outbound_queue"]
    assert len(records) == 2
    assert "the oldest are dropped" in records[0].message
    assert records[1].__dict__["dropped"] == 10


async def test_whoever_was_let_in_meanwhile_hears_what_came_since(
    cluster: RedisCluster, server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Redis a subscriber is let in by its own node. Back, the node knows from when on it has missed events,
    although it had never heard of the channel."""
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.2)
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    cluster.behind[1] = proxy.path
    try:
        node, cut_off = await cluster.node(), await cluster.node()
        await node.publish(b"before")
        memory = cut_off.bus._link._memory
        partition = memory.keys.partition_of(APP, "news")
        async with server.client() as client:
            async with asyncio.timeout(DEADLINE_S):
                while not await client.exists(memory.keys.logs[partition]):
                    await asyncio.sleep(0.01)
            log = await client.xinfo_stream(memory.keys.logs[partition])
        published = parse_stream_id(log["last-generated-id"])
        await cut_off.until(lambda: memory.incoming.newest(partition) >= published)  # with the next beat
        await proxy.close()
        await cut_off.until(lambda: cut_off.bus.degraded)
        await cut_off.enter()
        await node.publish(b"meanwhile")
        await proxy.start()
        await cut_off.until(lambda: not cut_off.bus.degraded)
        await node.publish(b"afterwards")
        await cut_off.until(lambda: b"afterwards" in cut_off.texts())
        assert cut_off.texts() == [b"meanwhile", b"afterwards"]
    finally:
        await cluster.close()
        await proxy.close()


async def test_what_redis_took_and_did_not_pass_on_before_it_was_killed(
    cluster: RedisCluster, server: RedisServer, tmp_path: Path
) -> None:
    """It writes a reply before it writes the event to the subscribers: what it took last may have reached nobody."""
    await server.start()
    proxy = Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    cluster.behind[1] = proxy.path
    try:
        node, other = await cluster.node(), await cluster.node()
        for each in (node, other):
            await each.enter()
        await node.publish(b"before")
        await other.until(other.texts)
        proxy.swallow_subscriptions()
        await node.publish(b"taken")
        await server.kill()
        await node.until(lambda: node.bus.degraded)
        await other.until(lambda: other.bus.degraded)
        await node.publish(b"meanwhile")
        await server.start()
        for each in (node, other):
            assert await texts_up_to(each, b"meanwhile") == [b"before", b"taken", b"meanwhile"]
    finally:
        await cluster.close()
        await proxy.close()


async def test_what_was_on_its_way_when_redis_was_killed_is_read(
    cluster: RedisCluster, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node reads some messages in each turn. The command connection is lost before it has read all."""
    monkeypatch.setattr(pubsub_listener, "MAX_MESSAGES_AT_ONCE", 2)
    node, other = await cluster.node(), await cluster.node()
    for each in (node, other):
        await each.enter()
    expected = [b"%d" % number for number in range(2000)]
    events = [node.bus.publish(PublishedEvent(APP, "news", text)) for text in expected]
    await asyncio.gather(*events)
    assert len(other.texts()) < len(expected)
    await server.kill()
    for each in (node, other):
        await each.publish(b"notices that", "nobody-listens")
        assert each.bus.degraded
    assert other.texts() == expected
    assert node.texts() == expected
