"""Commands and replies over the connections to the servers of a real Redis Cluster."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import ResponseError

from revurb.bus.redis.cluster_pipelines import ClusterPipelines, pipelines
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.pipelines import FAILURES, ServerPipelines, run_pipeline
from tests.redis_server import RedisClusterServers, RedisServer

KEYS = [f"{log}:n" for log in Keys("pipelined").logs[:12]]  # on all three servers


async def test_each_client_has_its_pipelines(server: RedisServer, redis_cluster: RedisClusterServers) -> None:
    await redis_cluster.start()
    async with server.client() as redis, redis_cluster.client() as cluster:
        assert isinstance(pipelines(redis), ServerPipelines)
        assert isinstance(pipelines(cluster), ClusterPipelines)


async def test_replies_of_all_servers_come_in_the_order_of_the_commands(
    redis_cluster: RedisClusterServers,
) -> None:
    await redis_cluster.start()
    async with redis_cluster.client() as cluster, asyncio.timeout(10):
        sender = ClusterPipelines(cluster)
        sha = await cluster.script_load("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        added = [("EVALSHA", sha, 1, key, number) for number, key in enumerate(KEYS)]
        for times in (1, 2):
            found = await run_pipeline(sender, [*added, ("HLEN", KEYS[0]), ("GET", KEYS[3])])
            assert found[:-2] == [number * times for number in range(12)]
            assert isinstance(found[-2], ResponseError)
            assert found[-1] == b"%d" % (3 * times)
        assert len(sender._servers) == 3
        await run_pipeline(sender, [("HSET", KEYS[0] + "h", "a", "1")])
        assert await run_pipeline(sender, [("HGETALL", KEYS[0] + "h")]) == [[b"a", b"1"]]
        await run_pipeline(sender, [("DEL", key) for key in KEYS])
        await sender.close()


async def test_a_slot_that_has_moved_is_followed(redis_cluster: RedisClusterServers) -> None:
    """And the next pipeline goes there at once."""
    await redis_cluster.start()
    async with redis_cluster.client() as cluster, asyncio.timeout(30):
        sender, key = ClusterPipelines(cluster), KEYS[0]
        others = [("INCR", each) for each in KEYS[1:]]
        await run_pipeline(sender, [("INCR", key), *others])
        before = cluster.nodes_manager.get_node_from_slot(cluster.keyslot(key)).name
        await asyncio.to_thread(redis_cluster.move, key)
        assert await run_pipeline(sender, [("INCR", key), *others]) == [2] * 12
        assert cluster.nodes_manager.get_node_from_slot(cluster.keyslot(key)).name != before
        assert await run_pipeline(sender, [("INCR", key), *others]) == [3] * 12
        await run_pipeline(sender, [("DEL", each) for each in KEYS])
        await sender.close()


async def test_a_slot_without_a_server_is_looked_for_and_a_server_that_is_gone_is_a_failure(
    redis_cluster: RedisClusterServers,
) -> None:
    await redis_cluster.start()
    async with redis_cluster.client() as cluster, asyncio.timeout(30):
        sender = ClusterPipelines(cluster)
        assert await run_pipeline(sender, [("EXISTS", key) for key in KEYS]) == [0] * 12
        cluster.nodes_manager.slots_cache.clear()
        with pytest.raises(FAILURES):  # redis-py believes that it knows all
            await run_pipeline(sender, [("EXISTS", KEYS[0])])
        await cluster.aclose()  # and now that it does not; its connections are gone too
        assert await run_pipeline(sender, [("EXISTS", key) for key in KEYS]) == [0] * 12
        cluster.get_node = lambda **names: None  # type: ignore[method-assign]
        for server in sender._servers.values():
            assert server._socket is not None
            await server._socket.close()
        with pytest.raises(FAILURES, match="is not in the cluster any more"):
            await run_pipeline(sender, [("EXISTS", key) for key in KEYS])
        await sender.close()


async def test_what_is_in_flight_at_the_end_is_told_to_nobody(redis_cluster: RedisClusterServers) -> None:
    await redis_cluster.start()
    async with redis_cluster.client() as cluster, asyncio.timeout(10):
        sender, told = ClusterPipelines(cluster), list[Any]()
        sender.send([("EXISTS", key) for key in KEYS], told.append)
        await sender.close()
        assert told == []
