"""Heartbeats in a cluster: one for each server, for as many logs as a beat may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS
from revurb.bus.redis.redis_heartbeat import (
    TAILS_PER_BEAT,
)
from tests.bus.redis.heartbeats import CHANNEL, KEYS, Process


class ClusterProcess(Process):
    """A node on a Cluster of three servers with 1,024 partitions."""

    def __init__(self) -> None:
        super().__init__(split=True)
        KEYS.use(CLUSTER_PARTITIONS)
        self.server_of = lambda log: f"server {KEYS.logs.index(log) % 3}"


@pytest.fixture
def make_cluster() -> Iterator[Callable[[], ClusterProcess]]:
    yield ClusterProcess
    KEYS.use(PARTITIONS)


async def test_in_a_cluster_there_is_a_beat_for_each_server(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    cluster.servers.ends = {KEYS.logs[number]: b"%d-1" % (number + 1) for number in range(CLUSTER_PARTITIONS)}
    await cluster.live(first=True)
    assert cluster.heartbeat.channels == [
        KEYS.nodes_heartbeat("n"), *(KEYS.heartbeat(number, "n") for number in range(3))
    ]  # fmt: skip
    for number in range(CLUSTER_PARTITIONS):
        assert cluster.incoming.received(number) == StreamId(number + 1, 1)
    await cluster.heartbeat.stop()


async def test_no_beat_asks_for_more_logs_than_64_and_each_has_its_turn(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    await cluster.live(first=True)
    cluster.servers.ends = {KEYS.logs[number]: b"500000-7" for number in range(CLUSTER_PARTITIONS)}
    beats = 0
    while any(
        cluster.incoming.received(number) != StreamId(500_000, 7) for number in range(CLUSTER_PARTITIONS)
    ):
        cluster.servers.asked_ends.clear()
        await cluster.beat()
        assert len(cluster.servers.asked_ends) <= TAILS_PER_BEAT
        beats += 1
        assert beats < 50
    assert cluster.invalid.count == 0
    await cluster.heartbeat.stop()


async def test_where_something_has_come_is_known_before_the_rest(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    await cluster.live(first=True)
    number = KEYS.topic("a", CHANNEL).partition
    cluster.topics.clear()
    cluster.topics.add("a", CHANNEL)
    assert number > 16
    await cluster.beat()
    cluster.event(b"999999-5", 1)
    assert cluster.received == [1]
    assert cluster.incoming.received(number) == START
    cluster.servers.ends[KEYS.logs[number]] = b"999999-5"
    for _ in range(2):  # the first may be on its way already
        await cluster.beat()
    assert cluster.incoming.received(number) == StreamId(999_999, 5)
    await cluster.heartbeat.stop()


async def test_a_server_of_a_cluster_that_is_silent_is_found(
    make_cluster: Callable[[], ClusterProcess],
) -> None:
    cluster = make_cluster()
    cluster.heartbeat._silent_after_s = 0.05
    await cluster.live(first=True)
    silent = KEYS.heartbeat(1, "n")

    async def keep_beating() -> None:
        while True:
            await cluster.beat(silent)

    beating = asyncio.create_task(keep_beating())
    async with asyncio.timeout(5):
        assert str(await cluster.deaf) == f"no beat has come back from server of {silent} for 0 s"
    beating.cancel()
    await cluster.heartbeat.stop()


@pytest.mark.parametrize("is_lost", [False, True], ids=["moved", "lost"])
async def test_a_partition_that_moves_to_another_server_ends_the_session(
    make_cluster: Callable[[], ClusterProcess], is_lost: bool
) -> None:
    """Its events come on another route, on which nothing says up to where everything has come."""
    cluster = make_cluster()
    await cluster.live(first=True)
    before = cluster.server_of
    assert before is not None

    def server_of(log: str) -> str:
        if KEYS.logs.index(log) != 500:
            return before(log)
        if is_lost:
            raise RedisUnavailable("no server has the slot")
        return "another server"

    cluster.heartbeat._server_of = server_of
    cluster.servers.ends[KEYS.logs[500]] = b"500000-7"

    async def keep_beating() -> None:
        while True:
            await cluster.beat()

    beating = asyncio.create_task(keep_beating())
    async with asyncio.timeout(5):
        assert str(await cluster.deaf) == "a part of the cluster has moved"
    beating.cancel()
    await cluster.heartbeat.stop()
