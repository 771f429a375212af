"""The queue of facts in a real Redis, seen by nodes; what all engines do is in tests/bus/test_engine_facts.py."""

import asyncio
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.redis_fact_queue import FACTS_PER_READ
from revurb.bus.redis.scripts import Scripts
from revurb.pusher.facts import OCCUPANCY, Fact
from tests.bus.engines import APP, DEADLINE_S, BusNode
from tests.bus.redis_engines import RedisCluster
from tests.redis_server import RedisServer

KEYS = Keys("revurb")
QUEUE = KEYS.facts[KEYS.topic(APP, "news").partition]
RECORDED = KEYS.recorded(KEYS.topic(APP, "news").partition, "node")
WANTED = {APP: OCCUPANCY}


def a_fact(number: int) -> Fact:
    return Fact("client_event", APP, "news", number)


async def a_sender(cluster: RedisCluster) -> BusNode:
    cluster.wanted = WANTED
    node = await cluster.node()
    await node.until(lambda: node.is_sending)
    return node


async def until_equal(expected: object, read: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await read() != expected:
            await asyncio.sleep(0.02)


async def test_what_came_while_nobody_sent_is_read_in_order(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    await server.start()
    async with server.client() as redis:
        for number in range(2 * FACTS_PER_READ + 1):
            await redis.xadd(QUEUE, {"f": m.encode(a_fact(number))})
    node = await a_sender(cluster)
    await node.until(lambda: len(node.facts) == 2 * FACTS_PER_READ + 1)
    assert [each.fact.time_ms for each in node.facts] == list(range(2 * FACTS_PER_READ + 1))
    await cluster.close()


async def test_what_is_done_is_gone_and_so_is_a_dead_sender(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    await server.start()
    async with server.client() as redis:
        first = await a_sender(cluster)
        for number in range(3):
            first.bus.record(a_fact(number))
        await first.until(lambda: len(first.facts) == 3)
        assert await redis.xlen(QUEUE) == 3
        assert first.queue is not None
        first.queue.done([first.facts[1].id])
        await until_equal(2, lambda: redis.xlen(QUEUE))
        await cluster.kill(first)
        second = await a_sender(cluster)
        await second.until(lambda: len(second.facts) == 2)
        assert [each.fact.time_ms for each in second.facts] == [0, 2]
        assert second.queue is not None
        second.queue.done([each.id for each in second.facts])
        await until_equal(0, lambda: redis.xlen(QUEUE))
        assert (await redis.xpending(QUEUE, "senders"))["pending"] == 0
        consumers = await redis.xinfo_consumers(QUEUE, "senders")
        assert [each["name"] for each in consumers] == [second.name.encode()]
        await cluster.close()


async def test_a_fact_that_nobody_was_told_of_is_found(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    await server.start()
    async with server.client() as redis:
        node = await a_sender(cluster)
        await node.until(lambda: not node.bus._link._session._facts._from)  # everything was read once
        await redis.xadd(QUEUE, {"f": m.encode(a_fact(7))})
        await node.until(lambda: node.facts)
        assert node.facts[0].fact == a_fact(7)
        await cluster.close()


async def test_what_is_no_fact_is_counted_and_dropped(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    await server.start()
    async with server.client() as redis:
        await redis.xadd(QUEUE, {"f": b"\xff\xfe"})
        await redis.xadd(QUEUE, {"other": b"x"})
        await redis.xadd(QUEUE, {"f": m.encode(a_fact(7))})
        await redis.hset(KEYS.facts_kept, b"\xff", b"x")
        node = await a_sender(cluster)
        await node.until(lambda: node.facts)
        assert [each.fact for each in node.facts] == [a_fact(7)]
        assert node.kept == {}
        assert node.bus.health.invalid == 3
        await until_equal(1, lambda: redis.xlen(QUEUE))
        await cluster.close()


async def test_who_holds_no_lease_sends_nothing(server: RedisServer) -> None:
    """A Redis that does not answer may have told another node to send."""
    cluster = RedisCluster(server)
    node = await a_sender(cluster)
    async with server.client() as redis:
        await redis.set(KEYS.facts_sender, "another", px=600)
        await node.until(lambda: not node.is_sending)
        await node.until(lambda: node.is_sending)
        await cluster.close()


async def test_a_fact_that_a_node_records_again_is_there_once(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    await server.start()
    async with server.client() as redis:
        node = await a_sender(cluster)
        session = node.bus._link._session
        for number in (1, 2, 1, 2, 3):  # as after a connection that broke before the answers came
            session._facts.handle(m.RecordFact(number, a_fact(number)))
        await node.until(lambda: len(node.facts) == 3)
        assert [each.fact.time_ms for each in node.facts] == [1, 2, 3]
        assert await redis.xlen(QUEUE) == 3
        assert 0 < await redis.ttl(KEYS.recorded(KEYS.topic(APP, "news").partition, node.name)) <= 600
        await cluster.close()


async def test_the_queue_is_bounded(server: RedisServer) -> None:
    await server.start()
    script = Scripts().put_fact
    async with server.client() as redis:
        await redis.script_load(script.source)
        fact = bytes(100_000)
        for part in range(3):
            async with redis.pipeline(transaction=False) as pipeline:
                for number in range(64):
                    pipeline.evalsha(script.sha, 2, QUEUE, RECORDED, fact, part * 64 + number + 1, 600)
                await pipeline.execute()
        assert 16 <= await redis.xlen(QUEUE) <= 128
        assert (await redis.memory_usage(QUEUE) or 0) < 13_000_000
