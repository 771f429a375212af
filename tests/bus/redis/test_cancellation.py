"""Tasks that take a cancellation for something else."""

import asyncio

import pytest

from revurb.bus.redis import cancellation
from revurb.bus.redis.cancellation import cancel_and_wait, run_to_end


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


async def test_what_runs_to_the_end_is_not_cut_off() -> None:
    steps: list[str] = []

    async def close() -> None:
        steps.append("begun")
        await asyncio.sleep(0.02)
        steps.append("ended")

    task = asyncio.create_task(run_to_end(close()))
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait((task,))
    assert (steps, task.cancelled()) == (["begun", "ended"], True)


async def test_what_runs_to_the_end_raises_what_it_raises() -> None:
    async def close() -> None:
        raise OSError("it is gone")

    with pytest.raises(OSError, match="it is gone"):
        await run_to_end(close())
