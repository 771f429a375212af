"""Long work in short turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from revurb.bus import step_queue
from revurb.bus.step_queue import StepQueue


def work(done: list[str], name: str, steps: int) -> Iterator[None]:
    for number in range(steps):
        done.append(f"{name}{number}")
        yield


def test_work_is_done_in_order_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_queue, "TURN_S", 0.0)
    queue, done = StepQueue(), list[str]()
    queue.append(work(done, "a", 2))
    queue.append(work(done, "b", 1))
    turns = []
    while queue:
        queue.go_on()
        turns.append(len(done))
    assert done == ["a0", "a1", "b0"]
    assert turns[:3] == [1, 2, 3]


def test_short_work_is_done_at_once() -> None:
    queue, done = StepQueue(), list[str]()
    for name in ("a", "b"):
        queue.append(work(done, name, 5))
    queue.go_on()
    assert (len(done), len(queue)) == (10, 0)
