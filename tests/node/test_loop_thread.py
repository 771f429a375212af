"""A loop in a thread: its start and its end, also where they fail."""

from __future__ import annotations

import threading

import pytest

from revurb.node.loop_thread import LoopThread


class Node:
    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.seen: list[tuple[str, str]] = []

    async def do(self, what: str) -> None:
        self.seen.append((what, threading.current_thread().name))
        if what == self.fails_at:
            raise ValueError(what)

    async def start(self) -> None:
        await self.do("start")

    async def stop(self) -> None:
        await self.do("stop")


def test_all_of_it_runs_in_the_thread() -> None:
    node = Node()
    thread = LoopThread(node.start, node.stop)
    thread.start()
    thread.call(lambda: node.do("work"))
    thread.stop()
    assert node.seen == [("start", "revurb"), ("work", "revurb"), ("stop", "revurb")]
    with pytest.raises(RuntimeError, match="not running"):
        thread.call(lambda: node.do("late"))
    thread.stop()  # once more does nothing


@pytest.mark.parametrize("fails_at", ["start", "work", "stop"])
def test_what_is_raised_there_is_raised_here(fails_at: str) -> None:
    node = Node(fails_at)
    thread = LoopThread(node.start, node.stop)

    def run() -> None:
        thread.start()
        try:
            thread.call(lambda: node.do("work"))
        finally:
            thread.stop()

    before = set(threading.enumerate())  # the fixtures for pytest have such a thread too
    with pytest.raises(ValueError, match=fails_at):
        run()
    assert {other.name for other in set(threading.enumerate()) - before} == set()


def test_it_does_not_wait_for_itself() -> None:
    node = Node()
    thread = LoopThread(node.start, node.stop)
    thread.start()

    async def wait() -> None:
        thread.call(lambda: node.do("work"))

    assert not thread.is_current()
    with pytest.raises(RuntimeError, match="must not wait for itself"):
        thread.call(wait)
    thread.stop()
    assert [what for what, _ in node.seen] == ["start", "stop"]
