"""When memory is given back."""

from __future__ import annotations

import pytest

from revurb.node import memory_trimmer
from revurb.node.memory_trimmer import CHECKS_IN_A_ROW, MIN_CLOSED, MemoryTrimmer


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(memory_trimmer, "return_free_memory", lambda: done.append("given back"))
    return done


def look(trimmer: MemoryTrimmer, connections: int, times: int) -> None:
    for _ in range(times):
        trimmer.check(connections)


def test_half_are_gone_for_a_moment(given_back: list[str]) -> None:
    trimmer = MemoryTrimmer(lambda: given_back.append("shrunk"))
    look(trimmer, 4 * MIN_CLOSED, 1)
    look(trimmer, 2 * MIN_CLOSED, CHECKS_IN_A_ROW - 1)
    assert given_back == []
    look(trimmer, 2 * MIN_CLOSED, 1)
    assert given_back == ["shrunk", "given back"]
    look(trimmer, 2 * MIN_CLOSED, 10 * CHECKS_IN_A_ROW)
    assert len(given_back) == 2  # once
    look(trimmer, MIN_CLOSED, CHECKS_IN_A_ROW)
    assert len(given_back) == 4  # and again when half of those have gone


def test_those_who_come_back_find_everything(given_back: list[str]) -> None:
    trimmer = MemoryTrimmer(lambda: None)
    for _ in range(3):
        look(trimmer, 4 * MIN_CLOSED, 1)
        look(trimmer, 0, CHECKS_IN_A_ROW - 1)
    assert given_back == []


@pytest.mark.parametrize(("before", "after"), [(MIN_CLOSED - 1, 0), (4 * MIN_CLOSED, 2 * MIN_CLOSED + 1)])
def test_few_that_go(given_back: list[str], before: int, after: int) -> None:
    trimmer = MemoryTrimmer(lambda: None)
    look(trimmer, before, 1)
    look(trimmer, after, 10 * CHECKS_IN_A_ROW)
    assert given_back == []


def test_give_back_works_on_this_system() -> None:
    memory_trimmer.return_free_memory()
