"""Connections are closed evenly over a time, and the rest is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from revurb.node.even_closing import MAX_UNDER_WAY, EvenClosing
from revurb.pusher.registry import AT_ONCE
from tests.client import PATIENCE_S


class Socket:
    closed: tuple[int, str] | None = None

    def close(self, code: int, reason: str = "") -> None:
        assert self.closed is None, "closed twice"
        self.closed = (code, reason)


def count(sockets: list[Socket]) -> int:
    return sum(socket.closed is not None for socket in sockets)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_at_once() -> None:
    closing, sockets = EvenClosing(AT_ONCE), [Socket() for _ in range(10)]
    closing.begin(sockets, 4200, "why", 0)
    assert {socket.closed for socket in sockets} == {(4200, "why")}
    closing.begin([], 4200, "why", 5)


async def test_over_a_time_one_after_the_other() -> None:
    closing, sockets = EvenClosing(AT_ONCE), [Socket() for _ in range(10)]
    began_at = asyncio.get_running_loop().time()
    closing.begin(sockets, 4200, "why", 0.5)
    assert count(sockets) == 1
    seen = {1}
    while count(sockets) < 10:
        seen.add(count(sockets))
        await asyncio.sleep(0.01)
    # However slow this machine is: never sooner than the time allows, to a tick.
    assert asyncio.get_running_loop().time() - began_at >= 0.4
    assert len(seen) > 1


async def test_what_is_given_up_stays() -> None:
    closing, sockets, others = EvenClosing(AT_ONCE), [Socket() for _ in range(10)], [Socket()]
    begun = closing.begin(sockets, 4200, "why", 60)
    closing.begin(others, 4200, "why", 0)
    closing.give_up(begun)
    assert count(others) == 1
    await asyncio.sleep(0)
    assert count(sockets) == 1
    closing.stop()


async def test_no_more_than_so_many_are_under_way() -> None:
    closing, first = EvenClosing(AT_ONCE), [Socket() for _ in range(10)]
    closing.begin(first, 4200, "why", 3600)
    for _ in range(MAX_UNDER_WAY - 1):
        closing.begin([Socket(), Socket()], 4200, "why", 3600)
    assert count(first) == 1
    closing.begin([Socket()], 4200, "why", 3600)
    await until(lambda: count(first) == 10)
    closing.stop()


async def test_an_app_does_not_hurry_the_closings_of_others() -> None:
    closing, own, others = EvenClosing(AT_ONCE), *([Socket() for _ in range(10)] for _ in range(2))
    closing.begin(others, 4200, "why", 3600)
    closing.begin(own, 4200, "why", 3600, owner="1")
    for _ in range(2 * MAX_UNDER_WAY):
        closing.begin([Socket(), Socket()], 4200, "why", 3600, owner="1")
    assert count(own) == 10
    assert count(others) == 1
    closing.stop()
