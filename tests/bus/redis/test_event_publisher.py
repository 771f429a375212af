"""Events share runs of a script: how many, in what order, and on a Redis that lets a script touch only one slot."""

import asyncio
import contextlib
import logging
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis import event_publisher
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.event_publisher import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, EventPublisher
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.taken_events import TakenEvents
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP, DEADLINE_S, resolve
from tests.bus.redis_engines import RedisCluster
from tests.conftest import Need
from tests.redis_server import RedisServer, free_port

CHANNELS = [f"news-{number}" for number in range(9)]


@contextlib.asynccontextmanager
async def publishing(
    server: RedisServer,
) -> AsyncIterator[tuple[EventPublisher, CommandQueue, list[list[int]]]]:
    """Of a node "a"; with the numbers of what Redis has taken, by run."""
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    scripts, keys, accepted = Scripts(), Keys("revurb"), list[list[int]]()
    async with server.client() as redis:
        commands = CommandQueue(redis, scripts, keys.leases, down)
        await commands.load()
        one = EventPublisher("a", keys, scripts, commands, 60_000, TakenEvents(), accepted.append)
        await one.probe(redis)
        commands.start()
        yield one, commands, accepted
        await commands.stop()


async def test_the_events_of_a_turn_share_a_run(server: RedisServer) -> None:
    async with publishing(server) as (one, commands, accepted):
        for seq in range(1, 2 * MAX_BATCH_EVENTS + 2):
            one.publish(m.Publish(seq, APP, CHANNELS[seq % 9], b"x", None, 0))
        await commands.flush()
    assert [len(seqs) for seqs in accepted] == [MAX_BATCH_EVENTS, MAX_BATCH_EVENTS, 1]
    assert [seq for seqs in accepted for seq in seqs] == list(range(1, 2 * MAX_BATCH_EVENTS + 2))


async def test_a_run_ends_at_its_size(server: RedisServer) -> None:
    async with publishing(server) as (one, commands, accepted):
        for seq in range(1, 6):
            one.publish(m.Publish(seq, APP, "news", b"x" * (MAX_BATCH_BYTES // 2), None, 0))
        await commands.flush()
    assert accepted == [[1, 2], [3, 4], [5]]


async def test_nothing_overtakes_another_command(server: RedisServer) -> None:
    lengths: list[Any] = []
    async with publishing(server) as (one, commands, accepted):
        log = Keys("revurb").logs[partition_of(APP, "news")]
        for seq in range(1, 4):
            one.publish(m.Publish(seq, APP, "news", b"x", None, 0))
            commands.run_command("XLEN", log, done=lengths.append)
        await commands.flush()
    assert lengths == [1, 2, 3]
    assert accepted == [[1], [2], [3]]


async def test_what_was_taken_already_is_not_taken_again(server: RedisServer) -> None:
    async with publishing(server) as (one, commands, accepted):
        for numbers in ([1, 2, 3], [2, 3, 4]):
            for seq in numbers:
                one.publish(m.Publish(seq, APP, "news", b"%d" % seq, None, 60))
            await commands.flush()
        keys = Keys("revurb")
        async with server.client() as redis:
            topic = keys.topic(APP, "news")
            assert await redis.xlen(keys.logs[topic.partition]) == 4
            assert await redis.hget(keys.seqs[topic.partition], "a") == b"4"
            assert await redis.get(topic.cached) == b"4"
    assert accepted == [[1, 2, 3], [2, 3, 4]]


async def test_a_run_is_refused_if_the_one_before_it_was(server: RedisServer) -> None:
    """Redis may refuse a command and take the next: BUSY, OOM. Its numbers would make those of the first old."""
    keys = Keys("revurb")
    await server.start()
    scripts, accepted = Scripts(), list[list[int]]()
    async with server.client() as redis:
        commands = CommandQueue(redis, scripts, keys.leases, lambda error: None)
        await commands.load()
        one = EventPublisher("a", keys, scripts, commands, 60_000, TakenEvents(), accepted.append)
        one.by_partition = False
        for seq in range(1, 3 * MAX_BATCH_EVENTS + 1):
            one.publish(m.Publish(seq, APP, CHANNELS[seq % 9], b"x", None, 0))
        first, *others = [command.command_args() for command in commands._waiting]
        assert len(others) == 2
        for args in others:
            with pytest.raises(ResponseError, match="UNORDERED"):
                await redis.execute_command(*args)  # type: ignore[no-untyped-call]
        assert await redis.keys("*:log") == []
        for args in (first, *others, *others):
            await redis.execute_command(*args)  # type: ignore[no-untyped-call]
        lengths = [await redis.xlen(keys.logs[partition_of(APP, channel)]) for channel in CHANNELS]
        assert sum(lengths) == 3 * MAX_BATCH_EVENTS
        commands.start()
        await commands.flush()
        one.publish(m.Publish(1000, APP, "news", b"x", None, 0))
        alone = commands._waiting[0].command_args()
        assert isinstance(alone[-1], bytes), "nothing is in flight that could be refused"
        await commands.stop()
    assert [seq for seqs in accepted for seq in seqs] == list(range(1, 3 * MAX_BATCH_EVENTS + 1))


@pytest.mark.parametrize("events", [2, 50])
async def test_a_node_that_stops_waits_for_all_its_events(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    """Also for those for which the command queue has had no room so far."""
    monkeypatch.setattr(event_publisher, "MAX_QUEUED_BYTES", 100)
    async with publishing(server) as (one, commands, accepted):
        for seq in range(1, events + 1):
            one.publish(m.Publish(seq, APP, "news", b"x" * 100, None, 0))
        await one.drained()
        await commands.flush()
    assert accepted == [[seq] for seq in range(1, events + 1)]


@pytest.mark.parametrize("bound", ["MAX_WAITING", "MAX_WAITING_BYTES"])
async def test_of_too_many_events_the_oldest_do_not_wait(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """The first goes to Redis, and of those behind it the newest five. When they have gone there is room for others."""
    monkeypatch.setattr(event_publisher, "MAX_QUEUED_BYTES", 100)
    text = b"x" * 100
    per_event_bytes = len(text) + event_publisher._EVENT_BYTES
    monkeypatch.setattr(event_publisher, bound, 5 * (1 if bound == "MAX_WAITING" else per_event_bytes))
    expected: list[int] = []
    async with publishing(server) as (one, commands, accepted):
        for first in range(0, 60, 20):
            for seq in range(first, first + 20):
                one.publish(m.Publish(seq + 1, APP, "news", text, None, 0))
            expected += [first + 1, *range(first + 16, first + 21)]
            await one.drained()
            await commands.flush()
            assert [seq for seqs in accepted for seq in seqs] == expected


async def test_a_cluster_behind_one_address(
    need: Need, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Some managed offerings: a plain connection, on which a script may only touch the keys of one slot."""
    options = ("--cluster-enabled", "yes", "--port", str(free_port()), "--bind", "127.0.0.1")
    server = RedisServer(need("redis-server"), tmp_path, *options)
    caplog.set_level(logging.INFO, "revurb")
    try:
        await server.start()
        give_all_slots = [need("redis-cli"), "-s", server.socket, "cluster", "addslotsrange", "0", "16383"]
        subprocess.run(give_all_slots, check=True, capture_output=True)
        async with server.client() as redis, asyncio.timeout(DEADLINE_S):
            while (await redis.cluster("INFO"))["cluster_state"] != "ok":
                pass
        cluster = RedisCluster(server)
        here, there = await cluster.node(), await cluster.node()
        assert "a cluster behind one address" in caplog.text
        for channel in CHANNELS:
            await there.enter(channel)
        accepted = [
            here.bus.publish(PublishedEvent(APP, CHANNELS[number % 9], b"%d" % number))
            for number in range(300)
        ]
        for each in accepted:
            await resolve(each)
        await there.until(lambda: len(there.received) == 300)
        for first, channel in enumerate(CHANNELS):
            assert there.texts(channel) == [b"%d" % number for number in range(first, 300, 9)]
        await cluster.close()
    finally:
        await server.kill()
