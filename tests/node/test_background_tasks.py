"""Tasks that nobody waits for."""

from __future__ import annotations

import asyncio

from revurb.node.background_tasks import BackgroundTasks


async def test_they_run_to_their_end_and_are_forgotten() -> None:
    tasks, done = BackgroundTasks(), asyncio.Event()

    async def work() -> None:
        done.set()

    tasks(work())
    assert len(tasks) == 1
    async with asyncio.timeout(5):
        await done.wait()
        while tasks:
            await asyncio.sleep(0)


async def test_what_is_left_is_ended() -> None:
    tasks, ended = BackgroundTasks(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks(work())
    await asyncio.sleep(0)
    tasks.cancel()
    async with asyncio.timeout(5):
        await ended.wait()
        while tasks:
            await asyncio.sleep(0)
