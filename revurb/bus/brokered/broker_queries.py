"""The questions that this node has asked the broker and that are not answered yet. They outlive the link: after a
reconnection they are sent again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.sliced_steps import SLICE_S

T = TypeVar("T")
MAX_ANSWERS = 10_000  # to one survey: whoever sends more is no node


class _PendingQuery(NamedTuple):
    message: m.FromWorker
    read: Callable[[msgspec.Raw], Any]
    local_answer: Callable[[], Any]
    answer: asyncio.Future[Any]


class _Survey:
    __slots__ = ("answers", "asked", "done")

    def __init__(self, done: asyncio.Future[list[bytes]]) -> None:
        self.answers: list[bytes] = []
        self.asked: int | None = None  # how many nodes; None until the broker has replied
        self.done = done

    def finish(self, is_late: bool = False) -> None:
        """Complete the survey if all answers have come, or if it `is_late`."""
        if (is_late or self.asked == len(self.answers)) and not self.done.done():
            self.done.set_result(self.answers)


class BrokerQueries:
    """`send` gives a message to the broker, or drops it while the broker cannot be reached."""

    def __init__(self, send: Callable[[m.FromWorker], None]) -> None:
        self._send = send
        self._pending: dict[int, _PendingQuery] = {}
        self._surveys: dict[int, _Survey] = {}
        self._ids = 0
        self._local: deque[_PendingQuery] = deque()  # to be answered from this node's own state
        self._answering: asyncio.Task[None] | None = None

    def next_id(self) -> int:
        """A number that no other question of this node has."""
        self._ids += 1
        return self._ids

    def ask(
        self,
        message: m.FromWorker,
        id: int,
        read: Callable[[msgspec.Raw], T],
        local_answer: Callable[[], T | Awaitable[T]],
        when: Callable[[m.FromWorker, Callable[[], None]], None] = lambda message, send: send(),
    ) -> asyncio.Future[T]:
        """Send a question with that id, `when` it is to be sent. `read` decodes the reply. `local_answer` gives the
        answer, at once or over several turns of the loop, if the broker stays away."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending[id] = _PendingQuery(message, read, local_answer, answer)
        when(message, lambda: self._send(message))
        return answer

    async def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
        """Ask every node. Returns the answers when all have come, or those that have come within `deadline_s`
        seconds."""
        loop, id = asyncio.get_running_loop(), self.next_id()
        survey = self._surveys[id] = _Survey(loop.create_future())

        def started(asked: asyncio.Future[int]) -> None:
            survey.asked = asked.result()
            survey.finish()

        self.ask(m.StartSurvey(id, question), id, m.read_count, lambda: 0).add_done_callback(started)
        timer = loop.call_later(deadline_s, survey.finish, True)
        try:
            return await survey.done
        finally:
            timer.cancel()
            self._pending.pop(id, None)
            del self._surveys[id]

    def on_reply(self, id: int, value: msgspec.Raw) -> None:
        """Handle a `QueryReply`. Raises msgspec.MsgspecError for a value of another type than expected; the question
        stays open. A reply to no open question is ignored."""
        query = self._pending.get(id)
        if query is None:
            return
        answer = query.read(value)
        del self._pending[id]
        if not query.answer.cancelled():
            query.answer.set_result(answer)

    def on_answer(self, id: int, answer: object) -> None:
        """The answer to this question has come, as the value that the question asks for."""
        query = self._pending.pop(id, None)
        if query is not None and not query.answer.cancelled():
            query.answer.set_result(answer)

    def on_refused(self, id: int) -> None:
        """The broker cannot answer this question: answer it from this node's own state."""
        query = self._pending.pop(id, None)
        if query is not None:
            self._answer_soon((query,))

    def on_survey_result(self, id: int, answer: bytes) -> None:
        """Handle a `SurveyResult`."""
        survey = self._surveys.get(id)
        if survey is not None and len(survey.answers) < MAX_ANSWERS:
            survey.answers.append(answer)
            survey.finish()

    def unanswered(self) -> Iterator[m.FromWorker]:
        """All open questions, to be sent to a broker that may not have received them."""
        for query in tuple(self._pending.values()):
            yield query.message

    def answer_locally(self) -> None:
        """Answer all open questions from this node's own state: the broker stays away."""
        waiting, self._pending = self._pending, {}
        self._answer_soon(waiting.values())

    def close(self) -> None:
        """Answer nothing any more: the process ends."""
        self._local.clear()

    def _answer_soon(self, queries: Iterable[_PendingQuery]) -> None:
        self._local.extend(queries)
        if self._local and self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer_one_by_one())

    async def _answer_one_by_one(self) -> None:
        """Answer from this node's own state, with turns for others in between."""
        until = time.perf_counter() + SLICE_S
        try:
            while self._local:
                query = self._local.popleft()
                if query.answer.cancelled():
                    continue
                answer = query.local_answer()
                if isinstance(answer, Awaitable):
                    answer = await answer
                if not query.answer.cancelled():
                    query.answer.set_result(answer)
                if time.perf_counter() >= until:
                    await asyncio.sleep(0)
                    until = time.perf_counter() + SLICE_S
        finally:
            self._answering = None
