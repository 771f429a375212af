from __future__ import annotations

import asyncio

import pytest

from revurb.bus.survey_answers import SurveyAnswers


async def test_each_answer_is_given_when_it_is_there() -> None:
    answers, given = SurveyAnswers(), list[bytes]()
    later: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    answers.give(later, given.append)
    answers.give(b"at once", given.append)
    assert given == [b"at once"]
    later.set_result(b"later")
    for _ in range(3):
        await asyncio.sleep(0)
    assert given == [b"at once", b"later"]


async def test_one_that_fails_is_empty_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> bytes:
        raise LookupError

    given: list[bytes] = []
    SurveyAnswers().give(fail(), given.append)
    for _ in range(3):
        await asyncio.sleep(0)
    assert given == [b""]
    assert caplog.messages == ["a survey could not be answered"]


async def test_none_is_given_after_the_end() -> None:
    answers, given = SurveyAnswers(), list[bytes]()
    later: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    answers.give(later, given.append)
    await asyncio.sleep(0)
    answers.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert given == []
    assert later.cancelled()
