"""Reading logs that have anything in them."""

import asyncio
from typing import Any

import pytest

from revurb.bus.redis import envelope
from revurb.bus.redis.catch_up import ENTRIES_PER_READ, READS_AT_ONCE, catch_up
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.ports import PublishedEvent
from tests.redis_server import RedisServer


async def test_a_log_full_of_garbage_has_an_end(server: RedisServer) -> None:
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    keys, received, done = Keys("revurb"), list[bytes](), asyncio.Event()
    topics, invalid = TopicSubscriptions(keys, "n1"), InvalidValues()
    channel = next(name for name in map(str, range(1000)) if partition_of("app1", name) == 7)
    topics.add("app1", channel)
    incoming = IncomingEvents(topics, invalid, lambda number, event: received.append(event.text))
    async with server.client() as redis:
        commands = CommandQueue(redis, Scripts(), keys.leases, down)
        commands.start()
        for number in range(2 * ENTRIES_PER_READ + 1):
            commands.run_command("XADD", keys.logs[7], "*", "e", b"garbage %d" % number)
        commands.run_command(
            "XADD", keys.logs[7], "*", "e", envelope.pack("a", 1, PublishedEvent("app1", channel, b"1"))
        )
        await commands.flush()
        catch_up({7}, keys, commands, incoming, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        await commands.stop()
    assert received == [b"1"]
    assert invalid.count == 2 * ENTRIES_PER_READ + 1


async def test_many_logs_are_read_a_few_at_a_time_and_each_to_its_end(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither this node nor Redis has more in memory than it can take, and whatever one log is, the others are read."""
    logs, step = 2 * READS_AT_ONCE + 3, ENTRIES_PER_READ // 4
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    keys, received, ends = Keys("revurb"), list[tuple[int, bytes]](), list[int]()
    topics = TopicSubscriptions(keys, "n1")
    names = {partition_of("app1", name): name for name in map(str, range(1000))}
    for number in range(logs):
        topics.add("app1", names[number])
    incoming = IncomingEvents(
        topics, InvalidValues(), lambda number, event: received.append((number, event.text))
    )
    async with server.client() as redis:
        commands = CommandQueue(redis, Scripts(), keys.leases, down)
        await commands.load()
        commands.start()
        for number in range(logs):
            for ms in range(1, number * step + 1):
                event = PublishedEvent("app1", names[number], b"%d" % ms)
                commands.run_command("XADD", keys.logs[number], f"{ms}-0", "e", envelope.pack("a", ms, event))
        await commands.flush()
        await redis.delete(keys.logs[1])
        await redis.set(keys.logs[1], "not a log")
        incoming.advance_to(2, envelope.StreamId(step, 0))
        reads = waiting = most = 0
        run_command = commands.run_command

        def reading(*args: Any, done: Any, failed: Any) -> None:
            nonlocal reads, waiting, most
            reads, waiting, most = reads + 1, waiting + 1, max(most, waiting + 1)

            def is_back(then: Any, value: Any) -> None:
                nonlocal waiting
                waiting -= 1
                then(value)

            run_command(
                *args, done=lambda value: is_back(done, value), failed=lambda error: is_back(failed, error)
            )

        monkeypatch.setattr(commands, "run_command", reading)
        incoming.catch_up()
        catch_up(range(logs), keys, commands, incoming, lambda: ends.append(len(received)))
        async with asyncio.timeout(10):
            while not ends:
                await asyncio.sleep(0.01)
        await commands.stop()
    for number in range(logs):
        first = {1: step + 1, 2: step + 1}.get(number, 1)  # of one nothing, of two what had not come
        expected = [b"%d" % ms for ms in range(first, number * step + 1)]
        assert [text for partition, text in received if partition == number] == expected
    assert ends == [len(received)]
    assert reads == sum((number * step) // ENTRIES_PER_READ + 1 for number in range(logs))
    assert most == READS_AT_ONCE
    catch_up((), keys, commands, incoming, lambda: ends.append(0))
    assert ends == [len(received), 0]
