"""A request with a key is done once, over all processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence

import pytest

from revurb.api.answers import ApiError, text_response
from revurb.node.idempotent_answers import (
    ENTRY_BYTES,
    KEPT_S,
    MAX_KEPT,
    MAX_KEPT_BYTES,
    MAX_WAITING,
    QUESTION,
    IdempotentAnswers,
)
from revurb.wire.http import Request
from revurb.wire.response import Response
from tests.api.desk import a_request


def a_publish(key: str | None = None, **body: object) -> Request:
    raw = json.dumps({"name": "e", "channel": "a", "data": "x", **body}).encode()
    request = a_request("POST", "/apps/1/events", raw)
    if key is not None:
        request.headers["idempotency-key"] = key
    return request


class Processes:
    """Several that answer surveys, at once or later, and count what they do."""

    def __init__(self, count: int = 1, *, waits: bool = False) -> None:
        self.now = 0.0
        self.done = 0
        self.surveys = 0
        self.waits = waits
        self.all = [IdempotentAnswers(self._survey, lambda: self.now) for _ in range(count)]
        self.answerers = [each.answerer(lambda question: b"other") for each in self.all]

    def _survey(self, question: bytes, deadline_s: float) -> Sequence[bytes] | Awaitable[Sequence[bytes]]:
        self.surveys += 1
        return self._later(question) if self.waits else [answer(question) for answer in self.answerers]

    async def _later(self, question: bytes) -> Sequence[bytes]:
        answers = []
        for answer in self.answerers:
            await asyncio.sleep(0)
            answers.append(answer(question))
        await asyncio.sleep(0)
        return answers

    def do(self, status: int = 200) -> Response:
        self.done += 1
        return Response(status, b'{"number":%d}' % self.done)

    async def ask(self, process: int, key: str = "k", status: int = 200, **body: object) -> Response:
        answer = self.all[process].answer("1", key, a_publish(None, **body), lambda: self.do(status))
        return answer if isinstance(answer, Response) else await answer


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "awaited"])
async def test_the_same_answer_wherever_it_is_sent_again(waits: bool) -> None:
    processes = Processes(3, waits=waits)
    first = await processes.ask(0)
    for process in (0, 1, 2, 1):
        again = await processes.ask(process)
        assert (again.status, again.body) == (first.status, first.body)
    assert processes.done == 1
    assert (await processes.ask(0, "other")).body != first.body


async def test_one_that_was_answered_here_is_asked_of_nobody() -> None:
    processes = Processes(2)
    await processes.ask(0)
    assert processes.surveys == 1
    await processes.ask(0)
    assert processes.surveys == 1


async def test_the_answer_is_kept_for_so_long() -> None:
    processes = Processes(2)
    await processes.ask(0)
    processes.now = KEPT_S - 1
    await processes.ask(1)
    assert processes.done == 1
    processes.now = 2 * KEPT_S
    await processes.ask(0)
    assert processes.done == 2


async def test_what_was_refused_may_be_tried_again() -> None:
    processes = Processes(2)
    assert (await processes.ask(0, status=422)).status == 422
    assert (await processes.ask(1)).status == 200
    assert processes.done == 2


async def test_another_request_with_the_key_of_one() -> None:
    processes = Processes(2)
    await processes.ask(0)
    assert (await processes.ask(0, name="f")).status == 422
    assert (await processes.ask(1, name="f")).status == 422
    assert processes.done == 1


@pytest.mark.parametrize("attempt", range(20))
async def test_of_all_that_come_at_a_time_one_is_done(attempt: int) -> None:
    processes = Processes(4, waits=True)
    answers = await asyncio.gather(*(processes.ask(number % 4) for number in range(12)))
    assert processes.done == 1
    statuses = {answer.status for answer in answers}
    assert statuses <= {200, 409}
    assert 200 in statuses
    assert {answer.body for answer in answers if answer.status == 200} == {b'{"number":1}'}
    assert (await processes.ask(attempt % 4)).body == b'{"number":1}'


async def test_the_client_that_goes_away_finds_its_answer_when_it_is_back() -> None:
    processes, opened = Processes(2, waits=True), asyncio.Event()

    async def slowly() -> Response:
        await opened.wait()
        return processes.do()

    first = processes.all[0].answer("1", "k", a_publish(), slowly)
    assert isinstance(first, asyncio.Future)
    await asyncio.sleep(0)
    first.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (await processes.ask(1)).status == 409
    opened.set()
    assert (await processes.ask(0)).body == b'{"number":1}'
    assert (await processes.ask(1)).body == b'{"number":1}'


async def test_what_is_kept_has_bounds() -> None:
    processes = Processes()
    (only,) = processes.all
    for number in range(MAX_KEPT + 10):
        await processes.ask(0, str(number))
    assert len(only._entries) <= MAX_KEPT + 1
    for number in range(20):
        answer = only.answer("1", f"large{number}", a_publish(), lambda: Response(200, bytes(1_000_000)))
        assert isinstance(answer, Response)
    assert only._bytes <= MAX_KEPT_BYTES
    processes.now = 2 * KEPT_S
    await processes.ask(0, "last")
    assert (len(only._entries), only._bytes) == (1, ENTRY_BYTES + len(b'{"number":10011}'))


async def test_so_many_wait_for_one() -> None:
    processes = Processes(1, waits=True)
    answers = await asyncio.gather(*(processes.ask(0) for _ in range(MAX_WAITING + 5)))
    assert [answer.status for answer in answers].count(409) == 5
    assert processes.done == 1


async def test_an_error_of_the_request_or_of_ours() -> None:
    processes = Processes()
    (only,) = processes.all

    def refuse() -> Response:
        raise ApiError(text_response(400, "no"))

    answer = only.answer("1", "k", a_publish(), refuse)
    assert isinstance(answer, Response)
    assert answer.status == 400
    assert (await processes.ask(0)).status == 200


async def test_a_fault_of_ours_leaves_nobody_waiting() -> None:
    """One that comes out at once, as over the bus of a single node."""
    processes = Processes()
    (only,) = processes.all

    def fail() -> Response:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        only.answer("1", "k", a_publish(), fail)
    async with asyncio.timeout(5):
        assert (await processes.ask(0)).status == 200


async def test_a_survey_that_fails_leaves_nobody_waiting() -> None:
    def no_survey(question: bytes, deadline_s: float) -> Sequence[bytes]:
        raise ConnectionError("no bus")

    only = IdempotentAnswers(no_survey)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            only.answer("1", "k", a_publish(), lambda: Response(200))


def test_what_is_no_question_is_nobodys() -> None:
    (answer,) = Processes().answerers
    assert answer(b"status") == b"other"
    for nonsense in (b"", b"\xc1", b"\x91" * 100_000, b"\x93\x01\x02\x03"):
        assert answer(QUESTION + nonsense) == b""
