"""Questions and answers of the console over a link of bounded lines."""

from __future__ import annotations

import asyncio
import socket

import pytest

from revurb.processes import console_link
from revurb.processes.console_link import NO_ANSWER, PIECE_CHARS, ConsoleAnswers, ConsoleQuestions, pieces
from revurb.processes.supervision_link import (
    ConsoleAnswer,
    ConsoleQuestion,
    open_childs_end,
    open_supervisors_end,
)

# What JSON makes most of: a quote becomes two bytes, a control character six, an emoji four.
LARGE = "".join('"\x01\U0001f600é'[number % 4] for number in range(5 * PIECE_CHARS + 7))


@pytest.mark.parametrize(
    ("length", "count"), [(0, 1), (1, 1), (PIECE_CHARS, 1), (PIECE_CHARS + 1, 2), (3 * PIECE_CHARS, 3)]
)
def test_a_text_in_pieces(length: int, count: int) -> None:
    cut = list(pieces("x" * length))
    assert "".join(text for text, _ in cut) == "x" * length
    assert [is_last for _, is_last in cut] == [*[False] * (count - 1), True]


async def test_large_questions_and_answers_pass_the_link() -> None:
    ours, theirs = socket.socketpair()
    supervisor, worker = await open_supervisors_end(ours), await open_childs_end(theirs)
    questions, answers = ConsoleQuestions(supervisor.send), ConsoleAnswers(worker.send)
    asked: list[tuple[str, bytes]] = []

    async def ask(name: str, body: bytes) -> tuple[int, bytes]:
        asked.append((name, body))
        await asyncio.sleep(0)
        return 422 if name == "wrong" else 200, body[::-1].decode("latin-1").encode()

    async def at_supervisor() -> None:
        while isinstance(message := await supervisor.receive(), ConsoleAnswer):
            questions.receive(message)

    async def at_worker() -> None:
        while isinstance(message := await worker.receive(), ConsoleQuestion):
            answers.receive(message)

    readers = [asyncio.ensure_future(main) for main in (at_supervisor(), at_worker())]
    assert await questions.ask("early", b"{}") == (
        503,
        b'{"error":"This process does not serve yet: ask again."}',
    )
    answers.ask = ask
    large = LARGE.encode()
    got = await asyncio.gather(
        questions.ask("a", large), questions.ask("wrong", b"{}"), questions.ask("b", large)
    )
    answer = large[::-1].decode("latin-1").encode()
    assert list(got) == [(200, answer), (422, b"}{"), (200, answer)]
    assert sorted(asked) == [("a", large), ("b", large), ("wrong", b"{}")]
    supervisor.close()
    worker.close()
    await asyncio.gather(*readers)


async def test_a_worker_of_an_older_release_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_link, "ANSWER_S", 0.01)
    sent: list[ConsoleQuestion] = []
    questions = ConsoleQuestions(sent.append)
    assert await questions.ask("overview", b"{}") == NO_ANSWER
    questions.receive(ConsoleAnswer(sent[0].id, 200, "{}", is_last=True))  # too late
    assert questions._open == {}
