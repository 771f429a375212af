"""What befalls Sentinels and Clusters: a server is replaced by its replica, a slot moves to another server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from revurb.bus.redis.keys import CLUSTER_PARTITIONS, Keys
from revurb.pusher.facts import MEMBERS, OCCUPANCY, Fact
from tests.bus.engines import ANN, APP, BOB, ROOM, Cluster
from tests.chaos.storm import MakeCluster, own_unless_long, storm
from tests.conftest import Need
from tests.redis_server import RedisClusterServers, Sentinels


@own_unless_long
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


class Picture:
    """Who is where, by the facts that the nodes' senders got, each of which is done at once."""

    def __init__(self, cluster: Cluster) -> None:
        self.members: dict[str, set[str]] = {}
        self._cluster = cluster
        self._seen: set[str] = set()

    def is_like(self, expected: dict[str, set[str]]) -> bool:
        for node in self._cluster.nodes:
            for id, fact in node.facts:
                if id not in self._seen:
                    self._seen.add(id)
                    self._apply(fact)
            if node.is_sending and node.queue is not None and node.facts:
                node.queue.done([id for id, _ in node.facts])
                del node.facts[:]
        return self.members == expected

    def _apply(self, fact: Fact) -> None:
        match fact.kind:
            case "channel_occupied":
                self.members.setdefault(fact.channel, set())
            case "channel_vacated":
                self.members.pop(fact.channel, None)
            case "member_added":
                self.members.setdefault(fact.channel, set()).add(fact.user_id)
            case "member_removed":
                self.members.get(fact.channel, set()).discard(fact.user_id)


@own_unless_long
async def test_facts_are_true_after_a_replica_took_over(
    make_cluster: MakeCluster, need: Need, tmp_path: Path
) -> None:
    sentinels = Sentinels(need("redis-server"), need("redis-cli"), tmp_path)
    cluster = make_cluster(sentinels, lease_s=5)
    cluster.wanted = {APP: OCCUPANCY | MEMBERS}
    try:
        here, there = await cluster.node(), await cluster.node()
        picture = Picture(cluster)
        await here.enter(ROOM, ANN)
        await there.enter(ROOM, BOB)
        for channel in ("stays", "left", "left later"):
            await here.enter(channel)
        expected = {ROOM: {"ann", "bob"}, "stays": set[str](), "left": set[str](), "left later": set[str]()}
        await here.until(lambda: picture.is_like(expected))
        here.bus.leave(APP, "left", None)  # perhaps the replica is not told of this
        await there.enter("late")
        sentinels.processes[sentinels.first].kill()
        there.bus.leave(APP, ROOM, "bob")
        await sentinels.promoted()
        await here.until(lambda: not (here.bus.degraded or there.bus.degraded))
        here.bus.leave(APP, "left later", None)
        await there.enter("new")
        expected = {ROOM: {"ann"}, "stays": set(), "late": set(), "new": set()}
        await here.until(lambda: picture.is_like(expected))
    finally:
        await cluster.close()


@own_unless_long
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
