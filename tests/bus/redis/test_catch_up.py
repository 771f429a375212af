"""Reading logs that have anything in them."""

import asyncio
import itertools
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
        commands = CommandQueue(redis, scripts := Scripts(), keys.leases, down)
        await commands.load()
        commands.start()
        for number in range(2 * ENTRIES_PER_READ + 1):
            commands.run_command("XADD", keys.logs[7], "*", "e", b"garbage %d" % number)
        commands.run_command(
            "XADD", keys.logs[7], "*", "e", envelope.pack("a", 1, PublishedEvent("app1", channel, b"1"))
        )
        await commands.flush()
        catch_up(topics.by_partition(), keys, scripts, commands, incoming, done.set)
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
        topics, InvalidValues(), lambda order, event: received.append((order % 64, event.text))
    )
    async with server.client() as redis:
        commands = CommandQueue(redis, scripts := Scripts(), keys.leases, down)
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
        run_script, run_command = commands.run_script, commands.run_command

        def reading(run: Any) -> Any:
            def reading_one(*args: Any, done: Any, failed: Any) -> None:
                nonlocal reads, waiting, most
                reads, waiting, most = reads + 1, waiting + 1, max(most, waiting + 1)

                def is_back(then: Any, value: Any) -> None:
                    nonlocal waiting
                    waiting -= 1
                    then(value)

                run(
                    *args,
                    done=lambda value: is_back(done, value),
                    failed=lambda error: is_back(failed, error),
                )

            return reading_one

        read_by_script = reading(run_script)
        monkeypatch.setattr(commands, "run_command", reading(run_command))
        monkeypatch.setattr(
            commands,
            "run_script",
            lambda script, names, args, done, failed: read_by_script(
                script, names, args, done=done, failed=failed
            ),
        )
        incoming.catch_up()
        wanted = topics.by_partition()
        catch_up(wanted, keys, scripts, commands, incoming, lambda: ends.append(len(received)))
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
    catch_up({}, keys, scripts, commands, incoming, lambda: ends.append(0))
    assert ends == [len(received), 0]


async def test_a_node_gets_what_it_wants_and_what_is_not_understood(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of names of every length, and numbers of every size."""
    monkeypatch.setattr("revurb.bus.redis.catch_up.ENTRIES_PER_LOOK", 7)  # so that nobody wants much of them
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    keys, received, done = Keys("revurb"), list[bytes](), asyncio.Event()
    topics, invalid = TopicSubscriptions(keys, "n1"), InvalidValues()
    incoming = IncomingEvents(topics, invalid, lambda number, event: received.append(event.text))
    apps = ("a", "b" * 31, "c" * 32, "d" * 255, "e" * 256, "ä" * 40)
    channels = [f"{size}{'x' * size}" for size in (0, 28, 30, 252, 300)] + ["tschüs", "a\x1fb"]
    sizes = (0, 127, 128, 255, 256, 65535, 65536, 2**32, 2**53)
    nodes = ("", "n" * 40, "m" * 300)
    events, expected = 0, dict[int, list[bytes]]()
    async with server.client() as redis:
        commands = CommandQueue(redis, scripts := Scripts(), keys.leases, down)
        await commands.load()
        commands.start()
        for index, (app_id, channel, seq, node) in enumerate(itertools.product(apps, channels, sizes, nodes)):
            is_wanted = index % 5 == 0 or index % 7 == 0
            events += 1
            name = f"{channel}{index % 35}"
            number = keys.topic(app_id, name).partition
            packed = envelope.pack(node, seq, PublishedEvent(app_id, name, b"%d" % index))
            commands.run_command("XADD", keys.logs[number], f"{index + 1}-0", "e", packed)
            if is_wanted:
                topics.add(app_id, name)
                expected.setdefault(number, []).append(b"%d" % index)
        topics.add("", "")
        everyone = keys.topic("", "").partition
        for index in (1, 2):
            to_all = envelope.pack("n", index, PublishedEvent("any", "", b"to all"))
            commands.run_command("XADD", keys.logs[everyone], f"9999999-{index}", "e", to_all)
            expected.setdefault(everyone, []).append(b"to all")
        await commands.flush()
        incoming.catch_up()
        looked_at, receive_logged = 0, incoming.receive_logged

        def counting(*args: Any) -> None:
            nonlocal looked_at
            looked_at += 1
            receive_logged(*args)

        monkeypatch.setattr(incoming, "receive_logged", counting)
        catch_up(topics.by_partition(), keys, scripts, commands, incoming, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        for number in expected:
            entries: Any = await redis.xrevrange(keys.logs[number], count=1)
            assert incoming.received(number) == envelope.parse_stream_id(entries[0][0])
        await commands.stop()
    assert sorted(received) == sorted(text for texts in expected.values() for text in texts)
    assert looked_at == len(received) < events / 2
    assert invalid.count == 0


async def test_who_wants_very_many_channels_of_a_partition_gets_all_of_it(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.bus.redis.catch_up.MAX_TOPICS_TOLD", 2)
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    keys, received, done = Keys("revurb"), list[bytes](), asyncio.Event()
    topics, invalid = TopicSubscriptions(keys, "n1"), InvalidValues()
    incoming = IncomingEvents(topics, invalid, lambda number, event: received.append(event.text))
    names = [name for name in map(str, range(1000)) if partition_of("app1", name) == 7]
    for name in names[:3]:
        topics.add("app1", name)
    async with server.client() as redis:
        commands = CommandQueue(redis, scripts := Scripts(), keys.leases, down)
        await commands.load()
        commands.start()
        for seq, name in enumerate(names[:5]):
            packed = envelope.pack("n", seq, PublishedEvent("app1", name, name.encode()))
            commands.run_command("XADD", keys.logs[7], "*", "e", packed)
        looked_at: list[bytes] = []
        monkeypatch.setattr(incoming, "receive_logged", lambda *args: looked_at.append(args[-1]))
        catch_up(topics.by_partition(), keys, scripts, commands, incoming, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        await commands.stop()
    assert len(looked_at) == 5
