"""What a worker has asked the broker, until it is answered. A question outlives the connection: it is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from revurb.bus.brokered import broker_messages as m

T = TypeVar("T")


class _Open(NamedTuple):
    message: m.FromWorker
    read: Callable[[msgspec.Raw], Any]
    alone: Callable[[], Any]
    answer: asyncio.Future[Any]


class _Survey:
    __slots__ = ("answers", "asked", "done")

    def __init__(self, done: asyncio.Future[list[bytes]]) -> None:
        self.answers: list[bytes] = []
        self.asked: int | None = None  # how many; None until the broker says
        self.done = done

    def settle(self, late: bool = False) -> None:
        if (late or self.asked == len(self.answers)) and not self.done.done():
            self.done.set_result(self.answers)


class Questions:
    """`send` gives a message to the broker, or does nothing if it is away."""

    def __init__(self, send: Callable[[m.FromWorker], None]) -> None:
        self._send = send
        self._open: dict[int, _Open] = {}
        self._surveys: dict[int, _Survey] = {}
        self._ids = 0

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def ask(
        self,
        message: m.FromWorker,
        id: int,
        read: Callable[[msgspec.Raw], T],
        alone: Callable[[], T],
    ) -> asyncio.Future[T]:
        """Send a question with that id. `read` makes the value of what is answered, `alone` without an answer."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._open[id] = _Open(message, read, alone, answer)
        self._send(message)
        return answer

    async def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
        """What has been answered when all have, or at the deadline."""
        loop, id = asyncio.get_running_loop(), self.next_id()
        survey = self._surveys[id] = _Survey(loop.create_future())

        def started(asked: asyncio.Future[int]) -> None:
            survey.asked = asked.result()
            survey.settle()

        self.ask(m.Survey(id, question), id, m.read_count, lambda: 0).add_done_callback(started)
        timer = loop.call_later(deadline_s, survey.settle, True)
        try:
            return await survey.done
        finally:
            timer.cancel()
            self._open.pop(id, None)
            del self._surveys[id]

    def answered(self, id: int, value: msgspec.Raw) -> None:
        """Raises msgspec.MsgspecError for a value that is not what was asked for; the question stays open."""
        asked = self._open.get(id)
        if asked is None:
            return
        answer = asked.read(value)
        del self._open[id]
        if not asked.answer.cancelled():
            asked.answer.set_result(answer)

    def surveyed(self, id: int, answer: bytes) -> None:
        survey = self._surveys.get(id)
        if survey is not None:
            survey.answers.append(answer)
            survey.settle()

    def ask_again(self) -> None:
        """The broker is back, or another one is there."""
        for asked in tuple(self._open.values()):
            self._send(asked.message)

    def answer_alone(self) -> None:
        """The broker stays away."""
        waiting, self._open = self._open, {}
        for asked in waiting.values():
            if not asked.answer.cancelled():
                asked.answer.set_result(asked.alone())
