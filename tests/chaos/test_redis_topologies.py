"""What befalls Sentinels and Clusters: a server is replaced by its replica, a slot moves to another server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from revurb.bus.redis.keys import CLUSTER_PARTITIONS, Keys
from tests.bus.engines import APP
from tests.chaos.storm import MakeCluster, storm
from tests.conftest import Need
from tests.redis_server import RedisClusterServers, Sentinels


async def test_a_replica_takes_over(make_cluster: MakeCluster, need: Need, tmp_path: Path) -> None:
    """What the old server had acknowledged and not yet passed on to its replica is lost with it: counted, if so."""
    sentinels = Sentinels(need("redis-server"), need("redis-cli"), tmp_path)
    cluster = make_cluster(sentinels, lease_s=5)
    try:
        async with storm(cluster) as running_storm:
            before = running_storm.published
            sentinels.processes[sentinels.first].kill()
            running_storm.forgotten = range(max(0, before - 200), running_storm.published)
            await sentinels.promoted()
            for node in running_storm.nodes:
                async with asyncio.timeout(15):
                    while node.bus.degraded:
                        await asyncio.sleep(0.02)
            await asyncio.sleep(1)
    finally:
        await cluster.close()


async def test_a_slot_moves(make_cluster: MakeCluster, need: Need, tmp_path: Path) -> None:
    servers = RedisClusterServers(need("redis-server"), need("redis-cli"), tmp_path)
    cluster = make_cluster(servers, lease_s=5)
    try:
        async with storm(cluster) as running_storm:
            keys = Keys("revurb", CLUSTER_PARTITIONS)
            key = keys.logs[keys.partition_of(APP, "storm")]
            await asyncio.to_thread(servers.move, key)
            await asyncio.sleep(2)
            for node in running_storm.nodes:
                async with asyncio.timeout(15):
                    while node.bus.degraded:
                        await asyncio.sleep(0.02)
    finally:
        await cluster.close()
