"""Tasks that take a cancellation for something else."""

import asyncio

import pytest

from revurb.bus.redis import cancellation
from revurb.bus.redis.cancellation import cancel_and_wait


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancellation, "_CANCEL_AGAIN_S", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(60)

    task, other = asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancel_and_wait(task, None, other)
    assert (swallowed, task.cancelled(), other.cancelled()) == (2, True, True)
