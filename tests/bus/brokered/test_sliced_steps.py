"""Steps that are done over several turns of the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from revurb.bus.brokered.sliced_steps import SLICE_S, SlicedSteps


class Steps:
    """`count` steps that take `each_s`. `done` are their numbers."""

    def __init__(self, count: int, each_s: float = 0.0) -> None:
        self.count = count
        self.each_s = each_s
        self.done: list[int] = []
        self.during: Callable[[int], None] = lambda number: None

    def __iter__(self) -> Iterator[None]:
        for number in range(self.count):
            until = time.perf_counter() + self.each_s
            while time.perf_counter() < until:
                pass
            self.done.append(number)
            self.during(number)
            yield


async def test_a_little_is_done_at_once() -> None:
    sliced, steps = SlicedSteps(), Steps(3)
    sliced.begin(iter(steps))
    assert steps.done == [0, 1, 2]
    sliced.begin(iter(steps))
    assert len(steps.done) == 6


async def test_much_is_done_in_turns_and_can_be_hurried() -> None:
    sliced, steps, others = SlicedSteps(), Steps(6, SLICE_S), Steps(1)
    sliced.begin(iter(steps))
    assert steps.done == [0]
    sliced.begin(iter(others))  # not before these are done
    sliced.hurry(2)
    assert steps.done == [0, 1, 2]
    turns = 0
    async with asyncio.timeout(10):
        while len(steps.done) < 6:
            turns += 1
            await asyncio.sleep(0)
    assert turns >= 3
    assert others.done == []


async def test_the_rest_can_be_left_undone_also_by_a_step() -> None:
    sliced, steps = SlicedSteps(), Steps(6, SLICE_S)
    sliced.begin(iter(steps))
    sliced.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert steps.done == [0]
    steps = Steps(6)
    steps.during = lambda number: sliced.cancel() if number == 2 else None
    sliced.begin(iter(steps))
    assert steps.done == [0, 1, 2]


async def test_a_step_that_hurries_the_others_does_them_in_order() -> None:
    sliced, steps = SlicedSteps(), Steps(3)
    steps.during = lambda number: sliced.hurry(1)
    sliced.begin(iter(steps))
    assert steps.done == [0, 1, 2]


async def test_others_can_begin_after_a_step_that_fails() -> None:
    def fail(number: int) -> None:
        raise ValueError("a step")

    sliced, steps = SlicedSteps(), Steps(3)
    steps.during = fail
    with pytest.raises(ValueError, match="a step"):
        sliced.begin(iter(steps))
    steps = Steps(3)
    sliced.begin(iter(steps))
    assert steps.done == [0, 1, 2]
