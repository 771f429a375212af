"""Channels with history on a Redis that is away, comes back without its memory, or is another one: rule 15."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.bus.brokered import brokered_bus, outbound_queue
from revurb.pusher.history import EPOCH, EXPIRED, UNAVAILABLE, HistoryBounds, Resume
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP, BusNode, resolve
from tests.bus.redis_engines import RedisCluster
from tests.bus.test_engine_history import KEPT, come_back, event, numbers, page, position_of, put, start
from tests.chaos.proxy import Proxy
from tests.conftest import Need, Run
from tests.redis_server import RedisServer


@pytest.fixture(params=["empty", "aof"])
def redis(request: pytest.FixtureRequest, need: Need, run: Run, tmp_path: Path) -> Iterator[RedisCluster]:
    """A Redis that comes back empty, or with what it has on its disk."""
    options = () if request.param == "empty" else ("--appendonly", "yes", "--appendfsync", "always")
    cluster = RedisCluster(RedisServer(need("redis-server"), tmp_path, *options))
    yield cluster
    run(cluster.close())


async def cut_off(cluster: RedisCluster) -> None:
    await cluster.outage()
    for node in cluster.nodes:
        await node.until(lambda node=node: node.bus.degraded)  # type: ignore[misc]


async def welcomed(cluster: RedisCluster) -> None:
    await cluster.recover()
    for node in cluster.nodes:
        await node.until(lambda node=node: node.bus.health.reconnects)  # type: ignore[misc]


async def put_kept(node: BusNode, number: int) -> str | None:
    return await resolve(node.bus.publish_kept(PublishedEvent(APP, "news", event(number), history=KEPT)))


def placed(node: BusNode) -> list[bytes]:
    """The events that came with a position: without one, a node says itself that events may be missing."""
    return [text for text in node.texts() if b'"id":' in text]


async def test_what_is_published_meanwhile_waits_for_its_position(redis: RedisCluster) -> None:
    here, there = await redis.node(), await redis.node()
    began = await start(here)
    await start(there)
    await here.enter("plain")
    await cut_off(redis)
    for number in range(3):
        await put(here, number)
        await here.publish(b'{"event":"e","data":"%d"}' % number, "plain")
    assert numbers(here.texts("plain")) == [0, 1, 2]
    assert here.texts() == []
    await welcomed(redis)
    for node in (here, there):
        await node.until(lambda node=node: len(placed(node)) == 3)  # type: ignore[misc]
        assert numbers(placed(node)) == [0, 1, 2]
    assert placed(here) == placed(there)
    assert numbers(here.texts("plain")) == [0, 1, 2]
    assert (await come_back(there, began)).failure == EPOCH
    assert numbers((await come_back(there, position_of(placed(here)[0]))).events) == [1, 2]


async def test_a_position_of_before_is_not_taken_for_one_of_now(redis: RedisCluster) -> None:
    """Also not when Redis has read all of it from its disk: it cannot know that it was all."""
    node = await redis.node()
    began = await start(node)
    await put(node, 0)
    last = position_of((await page(node)).events[0])
    await cut_off(redis)
    await welcomed(redis)
    assert (await come_back(node, last)).failure == EPOCH
    assert (await come_back(node, began)).failure == EPOCH
    assert (await page(node)).events == []


async def test_an_event_that_has_to_be_kept_waits_for_a_redis_that_comes_back(redis: RedisCluster) -> None:
    here, there = await redis.node(), await redis.node()
    await start(there)
    await cut_off(redis)
    kept = asyncio.ensure_future(put_kept(here, 0))
    await here.publish(event(1), "plain")
    assert not kept.done()
    await welcomed(redis)
    async with asyncio.timeout(10):
        assert await kept is None
    await there.until(lambda: numbers(placed(there)) == [0])


async def test_an_event_that_cannot_be_kept_is_refused_and_taken_back(
    redis: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.3)
    here, there = await redis.node(), await redis.node()
    await start(there)
    await cut_off(redis)
    async with asyncio.timeout(10):
        assert await put_kept(here, 0) == UNAVAILABLE
        assert await put_kept(here, 1) == UNAVAILABLE  # at once
    assert here.bus.health.waiting == 0
    await put(here, 2)  # as clients do it, who are not answered
    await welcomed(redis)
    assert await put_kept(here, 3) is None
    await there.until(lambda: len(placed(there)) == 2)
    assert numbers(placed(there)) == [2, 3]


async def test_a_node_that_ends_says_what_is_not_kept(redis: RedisCluster) -> None:
    node = await redis.node()
    await cut_off(redis)
    kept = asyncio.ensure_future(put_kept(node, 0))
    await asyncio.sleep(0)
    await redis.close()
    async with asyncio.timeout(10):
        assert await kept == UNAVAILABLE


async def test_who_comes_without_redis_is_told_that_there_is_no_history(
    redis: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.2)
    node = await redis.node()
    began = await start(node)
    await cut_off(redis)
    assert (await node.enter("news", want_position=True, resume=Resume(began, "", 9, 999))).replay is None
    assert not await node.bus.forget_history(APP, "news")


async def test_what_is_lost_to_everybody_is_told_to_everybody(
    redis: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_queue, "MAX_WAITING", 2)
    here, there = await redis.node(), await redis.node()
    await start(here)
    await start(there)
    await cut_off(redis)
    for number in range(4):
        await put(here, number)
    assert here.bus.health.dropped == 2
    await welcomed(redis)
    for node in (here, there):
        await node.until(lambda node=node: len(placed(node)) == 3)  # type: ignore[misc]
        gap, *rest = placed(node)
        assert b'"event":"pusher:resume_failed"' in gap
        assert EXPIRED.encode() in gap
        assert numbers(rest) == [2, 3]
        position_of(gap)
    kept = (await page(there)).events
    assert kept == placed(there)


async def test_who_is_back_later_is_told_of_the_gap_ahead_of_what_others_have_published_since(
    need: Need, tmp_path: Path
) -> None:
    server = RedisServer(need("redis-server"), tmp_path)
    await server.start()
    cluster, proxy = RedisCluster(server), Proxy(str(tmp_path / "proxy.sock"), server.socket)
    await proxy.start()
    cluster.behind[1] = proxy.path
    try:
        first, later = await cluster.node(), await cluster.node()
        await start(later)
        await proxy.close()
        await later.until(lambda: later.bus.degraded)
        await put(first, 0)
        await cut_off(cluster)
        await cluster.recover()
        await first.until(lambda: first.bus.health.reconnects)
        assert await put_kept(first, 1) is None
        await proxy.start()
        await later.until(lambda: numbers(later.texts())[-1:] == [1])
        gap, *texts = later.texts()
        assert b'"event":"pusher:resume_failed"' in gap
        assert numbers(texts) in ([1], [0, 1])  # 0 was the newest, and is published again
    finally:
        await cluster.close()
        await proxy.close()


async def test_an_old_position_is_forgotten_with_its_channel(redis: RedisCluster) -> None:
    """As when a channel was silent for a day: its numbers begin anew, in an epoch of its own."""
    node = await redis.node()
    began = await start(node)
    await put(node, 0, bounds=HistoryBounds(10, 60, KEPT.app_bytes))
    client = redis._server.client()
    async with client:
        assert await client.delete(node.bus._link._memory.keys.topic(APP, "news").head) == 1
    await asyncio.sleep(0.002)  # an epoch is that of a millisecond
    assert (await come_back(node, began)).failure == EPOCH
