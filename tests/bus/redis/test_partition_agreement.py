"""No two nodes have another number of partitions."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS, Keys
from revurb.node.member_event_texts import MEMBER_EVENTS
from tests.bus.engines import ANN, APP, DEADLINE_S, BusNode, resolve, texts_up_to
from tests.bus.redis_engines import RedisCluster
from tests.redis_server import RedisClusterServers, RedisServer

KEYS = Keys("revurb")


def partitions(node: BusNode) -> int:
    return int(node.bus._link._memory.keys.partitions)


def warnings(caplog: pytest.LogCaptureFixture) -> list[tuple[int, int]]:
    found = [each.__dict__ for each in caplog.records if "partitions of an older version" in each.message]
    return [(each["partitions"], each["of_a_new_cluster"]) for each in found]


async def test_a_new_cluster_gets_as_many_as_it_can_deal_out(
    server: RedisServer, redis_cluster: RedisClusterServers, caplog: pytest.LogCaptureFixture
) -> None:
    for cluster, number in (
        (RedisCluster(server), PARTITIONS),
        (RedisCluster(redis_cluster, shared=True), CLUSTER_PARTITIONS),
    ):
        nodes = [await cluster.node() for _ in range(2)]
        assert {partitions(node) for node in nodes} == {number}
        await cluster.close()
    assert not warnings(caplog)


async def test_one_that_older_nodes_have_made_keeps_theirs_until_all_are_stopped(
    redis_cluster: RedisClusterServers, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = RedisCluster(redis_cluster, shared=True)
    keys = Keys(cluster._prefix)
    await redis_cluster.start()
    async with redis_cluster.client() as redis:
        await redis.zadd(keys.leases, {"of an older version": 2**50})
        here, there = await cluster.node(), await cluster.node()
        await here.enter("presence-x", ANN)
        await there.enter("presence-x")
        await there.publish(b"hello", "presence-x")
        assert await texts_up_to(here, b"hello", "presence-x") == [b"hello"]
        assert await redis.get(keys.partition_count) == b"64"
        assert (partitions(here), partitions(there)) == (64, 64)
        assert warnings(caplog) == [(64, 1024)] * 2
        assert await redis.exists(Keys(cluster._prefix, 64).topic(APP, "presence-x").members)
        await redis.zrem(keys.leases, "of an older version")
        await here.bus.stop()
        another = await cluster.node()
        assert partitions(another) == 64, "somebody runs"
        for node in (there, another):
            await node.bus.stop()
        assert not await redis.exists(keys.leases)
        cluster.nodes.clear()
        first = await cluster.node()
        assert partitions(first) == 1024
        await cluster.close()
    for ticking in cluster._ticking.values():
        ticking.cancel()


async def test_who_finds_another_number_uses_that_of_the_cluster(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has changed it, nothing that is published from then on is lost, and everybody is still there."""
    cluster = RedisCluster(server, lease_s=60)
    nodes = [await cluster.node() for _ in range(2)]
    here, there = nodes
    await here.enter("presence-x", ANN)
    await there.enter("presence-x")
    async with server.client() as redis:
        await redis.set(KEYS.partition_count, "1024")
        for node in nodes:
            session = node.bus._link._session
            session._leases._renew(session._leases._renewed)
        for node in nodes:
            await node.until(lambda node=node: partitions(node) == 1024 and not node.bus.degraded)  # type: ignore[misc]
        reasons = [record.__dict__.get("reason") for record in caplog.records]
        assert reasons.count("the cluster has 1024 partitions now") == 2
        async with asyncio.timeout(DEADLINE_S):
            while await resolve(there.bus.members(APP, "presence-x")) != [ANN]:
                await asyncio.sleep(0.02)
        await there.publish(b"hello", "presence-x")
        assert (await texts_up_to(here, b"hello", "presence-x"))[-1] == b"hello"
        here.bus.leave(APP, "presence-x", "ann")
        gone = MEMBER_EVENTS.removed("presence-x", ANN)
        await there.until(lambda: gone in there.texts("presence-x"))
        third = await cluster.node()
        assert partitions(third) == 1024
        assert warnings(caplog)[-1] == (1024, 64)
    await cluster.close()


@pytest.mark.parametrize("garbage", [b"", b"63", b"many", b"99999999"])
async def test_a_number_that_none_can_have_is_written_anew(server: RedisServer, garbage: bytes) -> None:
    cluster = RedisCluster(server, lease_s=60)
    here = await cluster.node()
    session = here.bus._link._session
    async with server.client() as redis:
        for key in ("text", "list"):
            await redis.delete(KEYS.partition_count)
            if key == "text":
                await redis.set(KEYS.partition_count, garbage)
            else:
                await redis.rpush(KEYS.partition_count, garbage)
            session._leases._renew(session._leases._renewed)
            async with asyncio.timeout(DEADLINE_S):
                while (
                    not await redis.exists(KEYS.partition_count)
                    or await redis.type(KEYS.partition_count) != b"string"
                    or await redis.get(KEYS.partition_count) != b"64"
                ):
                    await asyncio.sleep(0.01)
        await redis.set(KEYS.partition_count, garbage)
        another = await cluster.node()
        assert partitions(another) == partitions(here) == 64
    await cluster.close()


async def test_a_redis_that_has_lost_its_memory_gets_the_number_of_those_who_come_back(
    server: RedisServer,
) -> None:
    cluster = RedisCluster(server)
    await server.start()
    async with server.client() as redis:
        await redis.set(KEYS.partition_count, "1024")
        await redis.zadd(KEYS.leases, {"another": 2**50})
    node = await cluster.node()
    assert partitions(node) == 1024
    await server.kill()
    await node.until(lambda: node.bus.degraded)
    await server.start()
    await node.until(lambda: not node.bus.degraded)
    async with server.client() as redis:
        assert await redis.get(KEYS.partition_count) == b"1024"
    await cluster.close()
