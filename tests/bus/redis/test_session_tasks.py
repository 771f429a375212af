"""Tasks end with their session, and a fault in one is told."""

from __future__ import annotations

import asyncio

from revurb.bus.redis.session_tasks import SessionTasks


async def test_tasks_run_until_the_session_ends() -> None:
    faults: list[Exception] = []
    tasks, done = SessionTasks(faults.append), asyncio.Event()

    async def work() -> None:
        done.set()

    async def fault() -> None:
        raise ValueError("x")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            faults.append(KeyError("cancelled"))

    for each in (work, fault, wait):
        tasks.start(each())
    await done.wait()
    await tasks.stop()
    tasks.start(fault())  # too late
    assert [type(each) for each in faults] == [ValueError, KeyError]
