"""Whose input is handled in a turn of the loop, without a loop: the test makes the turns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from revurb.transport import intake
from revurb.transport.intake import Intake


class Turns:
    """In place of the event loop."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def turn(self) -> None:
        """Run what is scheduled now, and not what that schedules."""
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()

    def run(self) -> None:
        while self.callbacks:
            self.turn()


class Source:
    """A connection with input for some slices."""

    def __init__(self, name: str, slices: int, handled: list[str]) -> None:
        self.name = name
        self.slices = slices
        self._handled = handled

    def handle_slice(self) -> bool:
        self._handled.append(self.name)
        self.slices -= 1
        return self.slices > 0


def test_each_has_a_slice_in_turn() -> None:
    turns, handled = Turns(), list[str]()
    queue = Intake(turns.call_soon)
    for name, slices in (("a", 3), ("b", 1), ("c", 2)):
        queue.add(Source(name, slices, handled))
    turns.turn()
    assert handled == ["a", "b", "c"]
    turns.run()
    assert handled == ["a", "b", "c", "a", "c", "a"]


def test_a_turn_has_a_budget_and_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, handled = Turns(), list[str]()
    monkeypatch.setattr(intake, "BUDGET_S", 0.0)
    queue = Intake(turns.call_soon)
    for name in "abc":
        queue.add(Source(name, 2, handled))
    for count in range(1, 7):
        turns.turn()
        assert len(handled) == count
    assert handled == ["a", "b", "c", "a", "b", "c"]
    assert not turns.callbacks


def test_who_waits_already_is_not_queued_twice() -> None:
    turns, handled = Turns(), list[str]()
    queue = Intake(turns.call_soon)
    source = Source("a", 1, handled)
    queue.add(source)
    queue.add(source)
    turns.run()
    assert handled == ["a"]


def test_nothing_is_taken_in_while_too_much_waits_to_be_sent() -> None:
    turns, handled, full = Turns(), list[str](), [False]
    queue = Intake(turns.call_soon, lambda: full[0])
    queue.add(Source("a", 2, handled))
    turns.turn()
    full[0] = True
    turns.turn()  # what makes it full is noticed behind it
    assert queue.is_blocked
    queue.add(Source("b", 1, handled))
    turns.run()
    assert handled == ["a", "a"]
    queue.resume()
    turns.run()
    assert handled == ["a", "a"], "still full"
    full[0] = False
    queue.resume()
    turns.run()
    assert handled == ["a", "a", "b"]


def test_one_that_fails_does_not_stop_the_others() -> None:
    turns, handled = Turns(), list[str]()
    queue = Intake(turns.call_soon)

    class Faulty(Source):
        def handle_slice(self) -> bool:
            raise RuntimeError("a fault of ours")

    queue.add(Faulty("x", 1, handled))
    queue.add(Source("a", 2, handled))
    with pytest.raises(RuntimeError):
        turns.turn()
    turns.run()
    assert handled == ["a", "a"]
