"""Handlers, and how they are called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

import pytest

from revurb.pusher_client.consumer_queue import Congestion
from revurb.pusher_client.handler_table import HandlerTable, TaskSet


class Bench:
    """A table, and what was called."""

    def __init__(self, max_queued: int = 100, full_wait_s: float = 0) -> None:
        self.tasks = TaskSet()
        self.congestion = Congestion(full_wait_s)
        self.lost: list[int] = []
        self.called: list[object] = []
        self.missed = asyncio.Event()
        self.table: HandlerTable[int] = HandlerTable(self.tasks, self.congestion, max_queued, self.miss)
        self.go_on = asyncio.Event()
        self.done = asyncio.Event()

    def miss(self, lost: int) -> None:
        self.lost.append(lost)
        self.missed.set()

    async def slow(self, event: int) -> None:
        await self.go_on.wait()
        self.called.append(event)
        if event == 9:
            self.done.set()


async def test_handlers_are_called_in_the_order_in_which_they_were_bound() -> None:
    bench = Bench()
    bench.table.bind("e", lambda event: bench.called.append(("first", event)))
    bench.table.bind(None, lambda event: bench.called.append(("any", event)))
    bench.table.bind("e", lambda event: bench.called.append(("last", event)))
    assert bench.table
    bench.table.emit("e", 1)
    bench.table.emit("f", 2)
    assert bench.called == [("first", 1), ("any", 1), ("last", 1), ("any", 2)]


async def test_one_that_raises_is_logged_and_harmless(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    def fail(event: int) -> None:
        raise KeyError(event)

    async def fail_later(event: int) -> None:
        if event == 1:
            raise asyncio.CancelledError
        bench.called.append("later")
        bench.done.set()

    bench.table.bind("e", fail)
    bench.table.bind("e", fail_later)
    bench.table.bind("e", bench.called.append)
    with caplog.at_level(logging.ERROR, "revurb"):
        bench.table.emit("e", 1)
        bench.table.emit("e", 2)
        await bench.done.wait()
    assert bench.called == [1, 2, "later"]
    assert [record.getMessage() for record in caplog.records] == ["a handler has failed"] * 3


async def test_an_asynchronous_one_has_one_event_after_the_other() -> None:
    bench = Bench()
    bench.table.bind("e", bench.slow)
    for number in range(10):
        bench.table.emit("e", number)
    bench.go_on.set()
    await bench.done.wait()
    assert bench.called == list(range(10))


async def test_what_a_plain_one_returns_is_awaited_in_order() -> None:
    bench = Bench()

    def begin(event: int) -> Awaitable[None]:
        return bench.slow(event)

    bench.table.bind("e", begin)
    for number in range(10):
        bench.table.emit("e", number)
    bench.go_on.set()
    await bench.done.wait()
    assert bench.called == list(range(10))


async def test_an_object_may_be_one() -> None:
    bench = Bench()

    class Handler:
        async def __call__(self, event: int) -> None:
            bench.done.set()

    bench.table.bind("e", Handler())
    bench.table.emit("e", 1)
    await bench.done.wait()


async def test_one_that_is_too_slow_is_told_what_it_has_missed() -> None:
    bench = Bench(max_queued=2)
    bench.table.bind("e", bench.slow)
    for number in range(5):
        bench.table.emit("e", number)
        await bench.congestion.relieved()
    bench.go_on.set()
    await bench.missed.wait()
    bench.table.emit("e", 9)
    await bench.done.wait()
    assert sum(bench.lost) + len(bench.called) == 6
    assert bench.called[-1] == 9


async def test_what_is_unbound_is_not_called() -> None:
    bench = Bench()
    handler = bench.called.append
    for unbind in (("e", handler), ("e", None), (None, handler), (None, None)):
        bench.table.bind("e", handler)
        bench.table.unbind(*unbind)
        bench.table.emit("e", 1)
    assert bench.called == []
    bench.table.bind("e", handler)
    bench.table.unbind("f", handler)
    bench.table.emit("e", 1)
    assert bench.called == [1]


async def test_the_end_leaves_nothing_behind() -> None:
    """Handlers that wait, that have not begun, and what they were to await."""
    bench = Bench()
    bench.table.bind("e", bench.slow)
    bench.table.bind("e", lambda event: bench.slow(event))
    bench.table.emit("e", 1)
    bench.table.emit("e", 2)
    await bench.tasks.end()
    assert bench.called == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_handler_may_end_all() -> None:
    bench = Bench()

    async def end(event: int) -> None:
        await bench.tasks.end()
        bench.done.set()

    bench.table.bind("e", bench.slow)
    bench.table.bind("e", end)
    bench.table.emit("e", 1)
    await bench.done.wait()


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="handler: found 5; allowed: a function"):
        HandlerTable[int](TaskSet(), Congestion()).bind("e", 5)  # type: ignore[arg-type]
