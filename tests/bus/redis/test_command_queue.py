"""Commands share pipelines, in order, over a connection that may be closed at any time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from revurb.bus.redis.command_queue import MAX_PIPELINE_WEIGHT, CommandQueue, RedisUnavailable
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import Scripts
from tests.redis_server import RedisServer


class Queue:
    """A queue on a real Redis, with the replies and failures that it reported."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.replies: list[Any] = []
        self.failures: asyncio.Queue[RedisUnavailable] = asyncio.Queue()
        self.scripts = Scripts()
        self.commands = CommandQueue(redis, self.scripts, "key", self.failures.put_nowait)


@contextlib.asynccontextmanager
async def running(server: RedisServer) -> AsyncIterator[Queue]:
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        queue = Queue(redis)
        queue.commands.start()
        yield queue
        await queue.commands.stop()


async def test_replies_come_in_the_order_of_the_commands(server: RedisServer) -> None:
    async with running(server) as queue:
        for _ in range(3):
            queue.commands.run_command("INCR", "n", done=queue.replies.append)
        await queue.commands.flush()
        assert queue.replies == [1, 2, 3]


async def test_a_command_that_is_repeated_keeps_its_place_among_the_replies(server: RedisServer) -> None:
    """Whoever waits for everything that was asked before does not go on too early."""
    async with running(server) as queue:
        counts = Keys("revurb").topic("app1", "news").counts
        await queue.commands.load()
        await queue.redis.set(counts, "not a hash")
        for command in (("INCR", "n"), ("HSET", counts, "node", "1"), ("HLEN", "n"), ("INCR", "n")):
            queue.commands.run_command(
                *command,
                done=lambda reply, command=command: queue.replies.append((command[0], reply)),  # type: ignore[misc]
                failed=lambda error: queue.replies.append("failed"),
            )
        queue.commands.after_all(lambda: queue.replies.append("after all"))
        await queue.commands.flush()
        assert queue.replies == [("INCR", 1), ("HSET", 1), "failed", ("INCR", 2), "after all"]
        assert (await queue.redis.info("commandstats"))["cmdstat_hlen"][
            "calls"
        ] == 2  # once more, and no more
        assert queue.failures.empty()


async def test_values_that_are_none_of_ours_are_moved_out_of_the_way(server: RedisServer) -> None:
    """Somebody else's string is where a node counts subscribers: it counts anew, and what was there can be looked at.
    What cannot be moved concerns one command alone."""
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        invalid, replies, set_aside, down = (
            InvalidValues(),
            list[Any](),
            list[Any](),
            list[RedisUnavailable](),
        )
        commands = CommandQueue(redis, Scripts(), "key", down.append, invalid, set_aside.append)
        await commands.load()
        topics = [Keys("revurb").topic("app1", name) for name in ("news", "sport")]
        for topic in topics:
            await redis.set(topic.counts, "not a hash")
        await redis.set("n", 0)
        for number, args in enumerate(
            [
                ("INCR", "n"),
                ("HINCRBY", topics[0].counts, "node", 3),
                ("HLEN", "n"),
                ("HINCRBY", topics[1].counts, "node", 4),
                ("INCR", "n"),
            ]
        ):
            commands.run_command(
                *args,
                done=lambda reply, number=number: replies.append((number, reply)),  # type: ignore[misc]
                failed=lambda error, number=number: replies.append((number, type(error))),  # type: ignore[misc]
            )
        commands.start()
        await commands.flush()
        assert replies == [(0, 1), (1, 3), (2, UnusableValue), (3, 4), (4, 2)]
        assert set_aside == [[topic.counts for topic in topics]]
        for topic in topics:
            assert await redis.get(f"{topic.counts}:unusable") == b"not a hash"
        assert invalid.count == 3
        commands.run_command("HLEN", "n")  # nobody is told
        await commands.flush()
        assert (len(set_aside), invalid.count, down) == (1, 4, [])
        await commands.stop()


async def test_a_callback_that_fails_does_not_stop_the_others(server: RedisServer) -> None:
    async with running(server) as queue:
        queue.commands.run_command("INCR", "n", done=lambda reply: [][reply])
        queue.commands.run_command("INCR", "n", done=queue.replies.append)
        await queue.commands.flush()
        assert queue.replies == [2]
        assert queue.failures.empty()


async def test_scripts_that_redis_has_lost_are_loaded_again(server: RedisServer) -> None:
    async with running(server) as queue:
        await queue.commands.load()
        await queue.redis.script_flush()
        keys = ("counts", "members", "cached", "asked")
        queue.commands.run_script(queue.scripts.channel_states, keys, ("untold",), queue.replies.append)
        await queue.commands.flush()
        assert queue.replies == [[[0, 0, None, -2, 0]]]


async def test_a_redis_that_keeps_no_scripts_is_of_no_use(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def load() -> None:
        pass

    async with running(server) as queue:
        monkeypatch.setattr(queue.commands, "load", load)
        queue.commands.run_script(queue.scripts.channel_states, ("counts", "members", "cached"), ())
        assert str(await queue.failures.get()) == "Redis does not keep the scripts"


async def test_a_connection_that_was_closed_is_opened_once_more(server: RedisServer) -> None:
    """As Redis and what is before it do with those that nothing came on for a while."""
    async with running(server) as queue, server.client() as other:
        for number in (1, 2):
            await other.client_kill_filter(_type="normal", skipme=True)
            queue.commands.run_command("INCR", "n", done=queue.replies.append)
            queue.commands.run_command("INCR", "n", done=queue.replies.append)
            await queue.commands.flush()
            assert queue.replies == list(range(1, 2 * number + 1))
        assert queue.failures.empty()
        await server.kill()
        queue.commands.run_command("INCR", "n", done=queue.replies.append)
        await queue.failures.get()
        assert len(queue.replies) == 4


async def test_a_refused_command_ends_the_queue_and_says_why(server: RedisServer) -> None:
    async with running(server) as queue:
        queue.commands.run_command("INCR", "n", "too many")
        queue.commands.run_command("INCR", "n", done=queue.replies.append)
        assert "wrong number of arguments" in str(await queue.failures.get())
        assert queue.replies == []


async def test_a_command_that_cannot_be_sent_ends_the_queue_and_says_why(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of this program. Whoever waits for another command is not to wait for ever."""
    async with running(server) as queue:
        broken: Any = ["no command has lists"]
        queue.commands.run_command("SET", "n", 1, broken)
        assert str(await queue.failures.get())
        assert "commands failed" in caplog.text


async def test_a_pipeline_carries_no_more_than_is_packed_at_once(server: RedisServer) -> None:
    """And while many replies are handled, others have their turn."""
    async with running(server) as queue:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        waiting: list[int] = []
        for _ in range(5 * MAX_PIPELINE_WEIGHT):
            queue.commands.run_command("INCR", "n", done=lambda reply: waiting.append(queue.commands.waiting))
        counting = asyncio.create_task(count())
        await queue.commands.flush()
        counting.cancel()
        assert set(waiting) == {(5 - sent) * MAX_PIPELINE_WEIGHT + 1 for sent in range(1, 6)}
        assert turns > 5


async def test_slow_callbacks_of_one_pipeline_leave_the_others_their_turn(server: RedisServer) -> None:
    async with running(server) as queue:
        turns, at = 0, list[int]()

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        def slow(reply: int) -> None:
            time.sleep(0.001)
            at.append(turns)

        for _ in range(MAX_PIPELINE_WEIGHT):
            queue.commands.run_command("INCR", "n", done=slow)
        counting = asyncio.create_task(count())
        await queue.commands.flush()
        counting.cancel()
        most_at_once = max(at.count(turn) for turn in at)
        assert most_at_once <= 8  # ms; 20 is how long nothing may hold up the loop


async def test_a_fault_of_one_caller_is_told_to_it(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(server) as queue:
        failures: list[UnusableValue] = []

        def unusable(reply: int) -> None:
            raise UnusableValue("to the caller")

        def failed(error: UnusableValue) -> None:
            failures.append(error)
            raise KeyError("in the caller")

        queue.commands.run_command("INCR", "n", done=unusable, failed=failed)
        queue.commands.run_command("INCR", "n", done=lambda reply: [][reply], failed=failures.append)
        await queue.commands.flush()
        assert [str(each)[:10] for each in failures] == ["to the cal", "IndexError"]
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
            "failure not handled",
            "reply not understood",
        ]
        assert queue.commands._invalid.count == 2


def test_the_log_says_why_redis_cannot_be_used() -> None:
    """Also where the client says nothing: its timeouts have no text."""
    assert str(RedisUnavailable.because_of(OSError("connection refused"))) == "connection refused"
    assert str(RedisUnavailable.because_of(TimeoutError())) == "TimeoutError"
