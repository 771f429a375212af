"""Questions to a child process that it answers in their order, each with one message."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

ANSWER_S = 10.0  # for reading a certificate and its key, or for asking all nodes


class ChildAnswers(Generic[T]):
    """The questions of one kind that have no answer yet."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[T]] = deque()

    async def ask(self, send: Callable[[], None]) -> T | None:
        """Send a question. Returns its answer, or None if none comes within `ANSWER_S`."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        send()
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            return None

    def settle(self, value: T) -> None:
        """The child has answered the oldest of its questions."""
        answer = self._waiting.popleft() if self._waiting else None
        if answer is not None and not answer.done():
            answer.set_result(value)
