"""What befalls one server of a Cluster: it falls silent without a word, its clock is another one. Nothing is lost and
nothing doubled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from revurb.bus.redis.keys import CLUSTER_PARTITIONS, Keys
from revurb.pusher.ports import EnterRequest
from tests.bus.engines import APP, BusNode
from tests.chaos.clocks import ClockOffset
from tests.chaos.proxy import TcpProxy
from tests.chaos.storm import MakeCluster, own_unless_long, storm
from tests.conftest import Need
from tests.redis_server import RedisClusterServers

KEYS = Keys("revurb", CLUSTER_PARTITIONS)
NODES, VICTIM = 1, 2  # the server that has what is in no partition, and another one
FOUND_S = 15.0


def server_of(key: str) -> int:
    """Three servers share 16384 slots in order."""
    return key_slot(key.encode()) * 3 // 16384


def channels_at(server: int, count: int) -> list[str]:
    """Channels that live there, each in a partition of its own."""
    found: dict[int, str] = {}
    for number in range(1000):
        name = f"channel-{number}"
        if server_of(KEYS.logs[KEYS.partition_of(APP, name)]) == server:
            found.setdefault(KEYS.partition_of(APP, name), name)
    return list(found.values())[:count]


async def enter(node: BusNode, channel: str) -> None:
    """Subscribe, without forgetting what was heard."""
    entered = asyncio.get_running_loop().create_future()
    node.bus.enter(EnterRequest(APP, channel, None, b"", False), entered.set_result)
    await entered


class Reasons(logging.Handler):
    """Why links have broken, as they do."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "reason"):
            self.queue.put_nowait(record.reason)


@pytest.fixture
def reasons() -> Iterator[Reasons]:
    handler = Reasons()
    logger = logging.getLogger("revurb.bus.redis.redis_link")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def servers(need: Need, tmp_path: Path, clock_offset: ClockOffset, offset_s: int) -> RedisClusterServers:
    """`offset_s` is how far the victim's clock is ahead of the others'."""
    environs = [clock_offset(offset_s if server == VICTIM else 0) for server in range(3)]
    return RedisClusterServers(need("redis-server"), need("redis-cli"), tmp_path, environs)


@pytest.mark.parametrize("offset_s", [0, -6])
@own_unless_long
async def test_its_subscribing_connection_falls_silent(
    make_cluster: MakeCluster, servers: RedisClusterServers, reasons: Reasons
) -> None:
    assert server_of(KEYS.leases) == NODES
    quick = make_cluster(servers, lease_s=5, heartbeat_s=0.3, silent_after_s=2.0)
    await servers.start()
    proxy = TcpProxy(servers.ports[VICTIM])
    await proxy.start()
    deaf_node = 1
    quick.behind[deaf_node] = {servers.ports[VICTIM]: proxy.port}
    busy, *quiet = channels_at(VICTIM, 5)
    try:
        async with storm(quick, 2, busy) as running_storm:
            publisher, node = running_storm.nodes
            for channel in quiet:
                await enter(node, channel)
            proxy.swallow_subscriptions()
            silent_since = time.monotonic()
            for channel in quiet:
                await publisher.publish(b"meanwhile", channel)
            await node.until(lambda: node.bus.health.lag_s > 0.8)
            async with asyncio.timeout(FOUND_S):
                reason = await reasons.queue.get()
            assert reason == f"no beat has come back from 127.0.0.1:{proxy.port} for 2 s"
            assert time.monotonic() - silent_since < FOUND_S
            await node.until(lambda: not node.bus.degraded)
            for channel in quiet:
                await publisher.publish(b"afterwards", channel)
        for channel in quiet:
            await node.until(lambda channel=channel: b"afterwards" in node.texts(channel))  # type: ignore[misc]
            assert node.texts(channel) == [b"meanwhile", b"afterwards"]
        assert node.bus.missed == 0
        assert reasons.queue.empty()
    finally:
        await quick.close()
        await proxy.close()


@pytest.mark.parametrize("offset_s", [6, -6])
@own_unless_long
async def test_its_connections_are_killed_again_and_again(
    make_cluster: MakeCluster, servers: RedisClusterServers
) -> None:
    cluster = make_cluster(servers, lease_s=5)
    try:
        async with storm(cluster, 2, channels_at(VICTIM, 1)[0]) as running_storm:
            async with Redis(port=servers.ports[VICTIM], protocol=2) as client:
                for _ in range(5):
                    before = running_storm.published
                    await client.client_kill_filter(_type="pubsub", skipme=True)
                    for node in running_storm.nodes:
                        await node.until(lambda node=node: not node.bus.degraded)  # type: ignore[misc]
                        await node.until(
                            lambda node=node, before=before: len(node.received) > before  # type: ignore[misc]
                        )
    finally:
        await cluster.close()
