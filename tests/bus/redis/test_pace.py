"""Work of many steps leaves time and room to others."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from revurb.bus.redis import pace
from revurb.bus.redis.pace import MAX_COMMANDS_WAITING, Pace, SparingPace
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


async def test_work_that_nobody_waits_for_pauses_three_times_as_long(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was asked for is done before: a Redis that is busy is given more time."""
    pauses: list[float] = []

    async def sleep(delay_s: float) -> None:
        pauses.append(delay_s)

    async with ledgers(server) as made:
        steps = SparingPace(made.commands)
        monkeypatch.setattr(pace, "asyncio", SimpleNamespace(sleep=sleep))
        for number in range(1, 6):
            made.commands.run_command("INCR", "n")
            await steps.step()
            assert made.commands.waiting == 0
            assert await made.redis.get("n") == b"%d" % number
        await made.redis.client_pause(60)
        await steps.step()
        steps._began_at -= 1000
        await steps.step()
    assert all(0 < pause_s < 0.1 for pause_s in pauses[:5])
    assert pauses[5] >= 0.1
    assert pauses[6] == pace.MAX_PAUSE_S
