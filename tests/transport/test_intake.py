"""Whose input is handled in a turn of the loop, without a loop: the test makes the turns."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from revurb._speedups.fanout import Fanout
from revurb.transport import intake
from revurb.transport.intake import Intake
from tests.speedups.peers import Peer

NOTHING_SENT = Fanout(lambda: None)


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

    def __init__(self, queue: Intake, name: str, slices: int, handled: list[str]) -> None:
        self._queue = queue
        self.name = name
        self.slices = slices
        self._handled = handled

    def handle_slice(self) -> None:
        self._handled.append(self.name)
        self.slices -= 1
        if self.slices:
            self._queue.add(self)


def test_each_has_a_slice_in_turn() -> None:
    turns, handled = Turns(), list[str]()
    queue = Intake(turns.call_soon, NOTHING_SENT)
    for name, slices in (("a", 3), ("b", 1), ("c", 2)):
        queue.add(Source(queue, name, slices, handled))
    turns.turn()
    assert handled == ["a", "b", "c", "a", "c", "a"]
    assert not turns.callbacks


def test_no_input_is_handled_while_more_output_waits_than_may() -> None:
    turns, handled = Turns(), list[str]()
    fanout = Fanout(lambda: None, 10)
    queue = Intake(turns.call_soon, fanout)

    class Filling(Source):
        def handle_slice(self) -> None:
            super().handle_slice()
            fanout.transport_bytes = 11

    queue.add(Filling(queue, "a", 1, handled))
    queue.add(Source(queue, "b", 1, handled))
    turns.run()
    assert handled == ["a"]
    queue.wake()
    assert not turns.callbacks, "there is no room yet"
    fanout.transport_bytes = 10
    queue.wake()
    turns.run()
    assert handled == ["a", "b"]


def test_a_turn_ends_where_an_outbox_has_got_long() -> None:
    """What comes after is flushed with it otherwise, and no peer takes so much at once."""
    turns, handled = Turns(), list[str]()
    fanout = Fanout(lambda: None)
    queue = Intake(turns.call_soon, fanout)
    peer = Peer()
    peer.attach(fanout, peer.here.fileno())

    class Talkative(Source):
        def handle_slice(self) -> None:
            super().handle_slice()
            peer.send(b"x" * 40_000)

    queue.add(Talkative(queue, "a", 5, handled))
    turns.turn()
    assert handled == ["a", "a"]
    fanout.flush(1.0)
    turns.turn()
    assert handled == ["a"] * 4
    peer.close()


def test_a_turn_has_a_budget_and_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, handled = Turns(), list[str]()
    monkeypatch.setattr(intake, "BUDGET_S", 0.0)
    queue = Intake(turns.call_soon, NOTHING_SENT)
    for name in "abc":
        queue.add(Source(queue, name, 2, handled))
    for count in range(1, 7):
        turns.turn()
        assert len(handled) == count
    assert handled == ["a", "b", "c", "a", "b", "c"]
    assert not turns.callbacks


def test_a_turn_of_input_takes_few_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, handled, now_s = Turns(), list[str](), 100.0
    monkeypatch.setattr(intake, "time", SimpleNamespace(monotonic=lambda: now_s))
    queue = Intake(turns.call_soon, NOTHING_SENT)

    class Slow(Source):
        def handle_slice(self) -> None:
            nonlocal now_s
            super().handle_slice()
            now_s += 0.0015

    queue.add(Slow(queue, "a", 7, handled))
    turns.turn()
    assert len(handled) == 3
    turns.turn()
    assert len(handled) == 6


def test_who_waits_already_is_not_queued_twice() -> None:
    turns, handled = Turns(), list[str]()
    queue = Intake(turns.call_soon, NOTHING_SENT)
    source = Source(queue, "a", 1, handled)
    queue.add(source)
    queue.add(source)
    turns.run()
    assert handled == ["a"]


def test_one_that_fails_does_not_stop_the_others() -> None:
    turns, handled = Turns(), list[str]()
    queue = Intake(turns.call_soon, NOTHING_SENT)

    class Faulty(Source):
        def handle_slice(self) -> None:
            raise RuntimeError("a fault of ours")

    queue.add(Faulty(queue, "x", 1, handled))
    queue.add(Source(queue, "a", 2, handled))
    with pytest.raises(RuntimeError):
        turns.turn()
    turns.run()
    assert handled == ["a", "a"]
