"""Work of many steps leaves time and room to others."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.redis import pace
from revurb.bus.redis.pace import MAX_COMMANDS_WAITING, Pace
from tests.bus.redis.ledgers import ledgers
from tests.redis_server import RedisServer


async def test_no_more_commands_wait_than_redis_soon_takes(server: RedisServer) -> None:
    async with ledgers(server) as made:
        steps, most = Pace(made.commands), 0
        for _ in range(3 * MAX_COMMANDS_WAITING):
            await steps.step()
            made.commands.run_command("INCR", "n")
            most = max(most, made.commands.waiting)
        assert most <= MAX_COMMANDS_WAITING
        assert await made.commands.ask("INCR", "n") == 3 * MAX_COMMANDS_WAITING + 1


async def test_others_get_their_turn(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SLICE_S", 0.0)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with ledgers(server) as made:
        counting, steps = asyncio.create_task(count()), Pace(made.commands)
        for _ in range(100):
            await steps.step()
        counting.cancel()
    assert turns >= 99
