"""Asks all processes of the cluster, by surveys of the bus. What is asked within a few milliseconds goes as one survey:
a page asks several questions at a time, and a survey costs each process more than a question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from revurb.inspection.channel_view import ready
from revurb.inspection.process_answers import MAX_QUESTIONS, survey_of
from revurb.pusher.ports import Bus, MaybeAwaitable

T = TypeVar("T")

DEADLINE_S = 2.0  # for all processes to answer
GATHER_S = 0.003

_read_answers = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(slots=True, eq=False)
class _Asked:
    name: str
    question: object
    kind: type[Any]
    parts: asyncio.Future[list[Any]]


class ProcessSurvey:
    """Surveys of one node, whose own process is `own_process`; `answer_own` answers a survey for it alone."""

    def __init__(
        self, bus: Bus, own_process: str, answer_own: Callable[[bytes], MaybeAwaitable[bytes]]
    ) -> None:
        self._bus = bus
        self._own_process = own_process
        self._answer_own = answer_own
        self._gathered: list[_Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, name: str, question: object, kind: type[T]) -> list[T]:
        """What each process says, as values of `kind`: at least this one, also while it is cut off from the others."""
        loop = asyncio.get_running_loop()
        asked = _Asked(name, question, kind, loop.create_future())
        self._gathered.append(asked)
        if len(self._gathered) == 1:
            loop.call_later(GATHER_S, self._send)
        return await asked.parts

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        for begin in range(0, len(gathered), MAX_QUESTIONS):
            task = asyncio.ensure_future(self._survey(gathered[begin : begin + MAX_QUESTIONS]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _survey(self, asked: list[_Asked]) -> None:
        try:
            survey = survey_of([(each.name, each.question) for each in asked])
            found: list[list[Any]] = [[] for _ in asked]
            for answer in await ready(self._bus.survey(survey, DEADLINE_S)):
                _read(answer, asked, found)
            if not any(part.process == self._own_process for parts in found for part in parts):
                _read(await ready(self._answer_own(survey)), asked, found)
        except BaseException as error:
            for each in asked:
                if not each.parts.done():
                    each.parts.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for each, parts in zip(asked, found, strict=True):
            if not each.parts.done():
                each.parts.set_result(parts)


def _read(answer: bytes, asked: list[_Asked], found: list[list[Any]]) -> None:
    """Add what a process says about each question. What cannot be read is of another version."""
    try:
        texts = _read_answers(answer) if answer else []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    for text, each, parts in zip(texts, asked, found, strict=False):
        try:
            part = msgspec.json.decode(text, type=each.kind | None)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        if part is not None:
            parts.append(part)
