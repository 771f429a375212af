from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from revurb.bus.local import LocalBus
from revurb.inspection import SURVEY_PREFIX
from revurb.inspection.process_answers import MAX_QUESTIONS
from revurb.inspection.process_survey import ProcessSurvey
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.registry import Registry


class Part(msgspec.Struct):
    """What a process says: its question."""

    process: str
    said: int


class Surveyed(LocalBus):
    """A bus over which `processes` answer each question with its body, and that counts surveys."""

    def __init__(self, *processes: str) -> None:
        super().__init__(Dispatch(Registry()), MEMBER_EVENTS)
        self.processes = processes
        self.surveys: list[int] = []
        self.more: list[bytes] = []

    def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
        asked = msgspec.json.decode(question.removeprefix(SURVEY_PREFIX))
        self.surveys.append(len(asked))
        return [*(said(process, asked) for process in self.processes), *self.more]


def said(process: str, asked: Sequence[Any]) -> bytes:
    return msgspec.json.encode([{"process": process, "said": each["body"]} for each in asked])


def survey_of(bus: LocalBus) -> ProcessSurvey:
    def answer_own(question: bytes) -> bytes:
        return said("own/1", msgspec.json.decode(question.removeprefix(SURVEY_PREFIX)))

    return ProcessSurvey(bus, "own/1", answer_own)


async def test_what_is_asked_at_a_time_goes_as_one_survey() -> None:
    bus = Surveyed("own/1", "other/2")
    survey = survey_of(bus)
    found = await asyncio.gather(*(survey.ask("figures", number, Part) for number in range(5)))
    assert found == [[Part("own/1", number), Part("other/2", number)] for number in range(5)]
    await survey.ask("figures", 7, Part)
    assert bus.surveys == [5, 1]


async def test_very_many_go_as_several() -> None:
    bus = Surveyed("own/1")
    survey = survey_of(bus)
    found = await asyncio.gather(*(survey.ask("user", number, Part) for number in range(MAX_QUESTIONS + 5)))
    assert [part.said for (part,) in found] == list(range(MAX_QUESTIONS + 5))
    assert bus.surveys == [MAX_QUESTIONS, 5]


async def test_this_process_answers_in_any_case() -> None:
    assert await survey_of(Surveyed()).ask("figures", 1, Part) == [Part("own/1", 1)]
    assert await survey_of(Surveyed("other/2")).ask("figures", 1, Part) == [
        Part("other/2", 1),
        Part("own/1", 1),
    ]


async def test_answers_of_other_versions_are_left_out() -> None:
    bus = Surveyed("own/1")
    bus.more = [
        b"",
        b"nonsense",
        b"{}",
        b"[null]",
        b'[{"process":7}]',
        b'[{"process":"new/3","said":4,"more":1},7]',
    ]
    assert await survey_of(bus).ask("figures", 4, Part) == [Part("own/1", 4), Part("new/3", 4)]


async def test_a_bus_that_fails_fails_all_who_ask() -> None:
    class Failing(Surveyed):
        def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
            raise LookupError

    survey = survey_of(Failing())
    for failure in await asyncio.gather(
        *(survey.ask("figures", number, Part) for number in range(2)), return_exceptions=True
    ):
        assert isinstance(failure, LookupError)
    with pytest.raises(LookupError):
        await survey.ask("figures", 1, Part)


async def test_one_who_goes_away_takes_it_from_nobody() -> None:
    survey = survey_of(Surveyed("own/1"))
    first = asyncio.ensure_future(survey.ask("figures", 1, Part))
    second = asyncio.ensure_future(survey.ask("figures", 2, Part))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [Part("own/1", 2)]
