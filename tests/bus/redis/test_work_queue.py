"""A session's work keeps its order, and neither the loop nor Redis is flooded."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.redis import work_queue
from revurb.bus.redis.pace import MAX_COMMANDS_WAITING
from revurb.bus.redis.work_queue import MAX_AT_ONCE, WorkQueue
from tests.bus.redis.ledgers import ledgers
from tests.redis_server import RedisServer


async def test_a_little_is_done_at_once_and_much_in_turns(server: RedisServer) -> None:
    async with ledgers(server) as made:
        work, done = WorkQueue(made.commands), list[int]()
        work.run(done.append, -1)
        assert done == [-1]
        for number in range(10 * MAX_AT_ONCE):
            work.run(done.append, number)
        assert len(work) >= 9 * MAX_AT_ONCE - 1
        while len(work):
            await asyncio.sleep(0)
        assert done == [-1, *range(10 * MAX_AT_ONCE)]


async def test_what_one_turn_has_no_time_for_is_done_in_the_next(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_queue, "SLICE_S", 0)
    async with ledgers(server) as made:
        work, done = WorkQueue(made.commands), list[int]()
        work.hold()
        for number in range(10):
            work.run(done.append, number)
        for _ in range(2):  # whoever asks for a turn twice gets one
            work.release()
        for turn in range(10):
            assert done == list(range(turn))
            await asyncio.sleep(0)
        assert done == list(range(10))


async def test_it_waits_for_redis(server: RedisServer) -> None:
    async with ledgers(server) as made:
        work, most = WorkQueue(made.commands), 0
        for _ in range(3 * MAX_COMMANDS_WAITING):
            work.run(lambda name: made.commands.run_command("INCR", name), "n")
        while len(work):
            most = max(most, made.commands.waiting)
            await asyncio.sleep(0)
        assert most <= MAX_COMMANDS_WAITING
        assert await made.commands.ask("INCR", "n") == 3 * MAX_COMMANDS_WAITING + 1


async def test_work_can_be_held_and_overtaken_and_stopped(server: RedisServer) -> None:
    async with ledgers(server) as made:
        work, done = WorkQueue(made.commands), list[int]()
        work.hold()
        for number in (3, 4):
            work.run(done.append, number)
        work.run_first([lambda: done.append(1), lambda: done.append(2)])
        await asyncio.sleep(0.01)
        assert done == []
        work.release()
        await asyncio.sleep(0.01)
        assert done == [1, 2, 3, 4]
        work.hold()
        work.run(done.append, 5)
        work.stop()
        work.release()
        await asyncio.sleep(0.01)
        assert done == [1, 2, 3, 4]


async def test_what_is_too_much_ends_the_session(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_queue, "MAX_WAITING", 10)
    async with ledgers(server) as made:
        overflows: list[bool] = []
        work = WorkQueue(made.commands, lambda: overflows.append(True))
        work.hold()
        for _ in range(20):
            work.run(print, None)
        assert overflows == [True]
        assert len(work) == 0
