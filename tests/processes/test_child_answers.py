"""Answers go to the questions in their order."""

from __future__ import annotations

import asyncio

import pytest

from revurb.processes import child_answers
from revurb.processes.child_answers import ChildAnswers


async def test_in_their_order() -> None:
    answers: ChildAnswers[int] = ChildAnswers()
    sent: list[str] = []
    asking = [asyncio.ensure_future(answers.ask(lambda: sent.append("?"))) for _ in range(2)]
    await asyncio.sleep(0)
    assert sent == ["?", "?"]
    answers.settle(1)
    answers.settle(2)
    answers.settle(3)  # nobody has asked
    assert await asyncio.gather(*asking) == [1, 2]


async def test_a_late_answer_is_not_that_of_the_next_question(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: ChildAnswers[int] = ChildAnswers()
    monkeypatch.setattr(child_answers, "ANSWER_S", 0.01)
    assert await answers.ask(lambda: None) is None
    monkeypatch.undo()
    asking = asyncio.ensure_future(answers.ask(lambda: None))
    await asyncio.sleep(0)
    answers.settle(1)
    assert not asking.done()
    answers.settle(2)
    assert await asking == 2
