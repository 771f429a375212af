"""Work in slices, without a loop: the test makes the turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from revurb.node import sliced_work
from revurb.node.sliced_work import SlicedWork
from tests.transport.test_intake import Turns


def steps(name: str, count: int, done: list[str]) -> Iterator[None]:
    for number in range(count):
        done.append(f"{name}{number}")
        yield


def test_each_turn_has_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced_work, "BUDGET_S", 0.0)
    turns, done = Turns(), list[str]()
    work = SlicedWork(turns.call_soon)
    work(steps("a", 2, done))
    work(steps("b", 1, done))
    counts = []
    while turns.callbacks:
        turns.turn()
        counts.append(len(done))
    assert done == ["a0", "a1", "b0"]
    assert counts[:3] == [1, 2, 3]


def test_what_is_short_is_done_in_one_turn() -> None:
    turns, done = Turns(), list[str]()
    work = SlicedWork(turns.call_soon)
    work(steps("a", 3, done))
    work(steps("b", 3, done))
    assert not done, "not in the turn of who asked for it"
    turns.turn()
    assert len(done) == 6
    assert not turns.callbacks


def test_what_is_left_can_be_finished() -> None:
    turns, done = Turns(), list[str]()
    work = SlicedWork(turns.call_soon)
    work(steps("a", 1000, done))
    work.finish()
    assert len(done) == 1000
    turns.run()
    assert len(done) == 1000


def test_a_fault_stops_nobody_else() -> None:
    turns, done = Turns(), list[str]()
    work = SlicedWork(turns.call_soon)

    def faulty() -> Iterator[None]:
        yield
        raise ZeroDivisionError

    work(faulty())
    work(steps("a", 1, done))
    with pytest.raises(ZeroDivisionError):
        turns.turn()
    turns.run()
    assert done == ["a0"]
