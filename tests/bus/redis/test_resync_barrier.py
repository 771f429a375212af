"""Changes wait until every node has reported what it holds."""

import asyncio
from collections.abc import Callable

import pytest

from revurb.bus.redis import resync_barrier
from revurb.bus.redis.resync_barrier import ResyncBarrier


def run_all(actions: list[Callable[[], None]]) -> None:
    for action in actions:
        action()


async def test_actions_run_at_once_unless_the_barrier_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync_barrier, "RESYNC_WAIT_S", 0.01)
    barrier, done = ResyncBarrier(), list[int]()
    barrier.run(lambda: done.append(1))
    assert done == [1]
    before = barrier.is_closed
    barrier.close(run_all)
    assert (before, barrier.is_closed) == (False, True)
    for number in (2, 3):
        barrier.run(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == [1]
    async with asyncio.timeout(5):
        while len(done) < 3:
            await asyncio.sleep(0.005)
    assert done == [1, 2, 3]
    barrier.run(lambda: done.append(4))
    assert done[-1] == 4


async def test_a_new_session_forgets_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync_barrier, "RESYNC_WAIT_S", 0.01)
    barrier, done = ResyncBarrier(), list[int]()
    barrier.close(run_all)
    barrier.run(lambda: done.append(1))
    barrier.reset()
    barrier.run(lambda: done.append(2))
    await asyncio.sleep(0.03)
    assert done == [2]
