"""Questions of the console on their way from the supervisor, whose admin listener they come to, to a worker, and the
answers back: in pieces, as one line of the link may have only so many bytes.

A worker of an older release does not know them, and answers nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from revurb.processes.supervision_link import ConsoleAnswer, ConsoleQuestion

PIECE_CHARS = 8 * 1024  # JSON escapes a character with up to six, and MAX_LINE_BYTES is the limit
ANSWER_S = 5.0
MAX_QUESTIONS = 640  # that are not answered: 40 requests of 16
NO_ANSWER = (
    504,
    b'{"error":"The worker that was asked does not answer: revurb status shows how the workers are."}',
)

AskConsole: TypeAlias = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]


class ConsoleQuestions:
    """The supervisor's side, for one worker. `send` sends it a message."""

    def __init__(self, send: Callable[[ConsoleQuestion], None]) -> None:
        self._send = send
        self._ids = itertools.count(1)
        self._open: dict[int, tuple[list[str], asyncio.Future[tuple[int, bytes]]]] = {}

    async def ask(self, name: str, body: bytes) -> tuple[int, bytes]:
        """Status and JSON object that answer a question; NO_ANSWER if none comes within ANSWER_S."""
        if len(self._open) >= MAX_QUESTIONS:
            return NO_ANSWER
        id = next(self._ids)
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._open[id] = ([], answer)
        try:
            for text, is_last in pieces(body.decode()):
                self._send(ConsoleQuestion(id, name, text, is_last))
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            return NO_ANSWER
        finally:
            del self._open[id]

    def receive(self, piece: ConsoleAnswer) -> None:
        """A piece of an answer has come."""
        found = self._open.get(piece.id)
        if found is None:
            return
        texts, answer = found
        texts.append(piece.text)
        if piece.is_last and not answer.done():
            answer.set_result((piece.status, "".join(texts).encode()))


class ConsoleAnswers:
    """The worker's side. `send` sends the supervisor a message; `ask` answers questions, once there is a node."""

    def __init__(self, send: Callable[[ConsoleAnswer], None]) -> None:
        self._send = send
        self.ask: AskConsole = _nobody
        self._texts: dict[int, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, piece: ConsoleQuestion) -> None:
        """A piece of a question has come."""
        texts = self._texts.setdefault(piece.id, [])
        texts.append(piece.text)
        if piece.is_last:
            del self._texts[piece.id]
            task = asyncio.ensure_future(self._answer(piece.id, piece.name, "".join(texts).encode()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, id: int, name: str, body: bytes) -> None:
        status, answer = await self.ask(name, body)
        for text, is_last in pieces(answer.decode()):
            self._send(ConsoleAnswer(id, status, text, is_last))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """`text` in pieces, at least one, and whether each is the last."""
    for begin in range(0, max(len(text), 1), PIECE_CHARS):
        yield text[begin : begin + PIECE_CHARS], begin + PIECE_CHARS >= len(text)


async def _nobody(name: str, body: bytes) -> tuple[int, bytes]:
    return 503, b'{"error":"This process does not serve yet: ask again."}'
