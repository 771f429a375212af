"""Answers that take long to make, kept for as long as it takes until they have cost little.

A page asks once a second, and there may be several: what takes 20 ms to find out is found out every eight seconds then,
which is one four-hundredth of a core, and all get the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

SHARE = 0.0025  # of a core, for each answer that is asked for again and again
MIN_KEPT_S = 0.9  # less than a second, in which the same page asks again
MAX_ANSWERS = 16  # of different questions


class KeptAnswers(Generic[T]):
    """Answers by their questions. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Hashable, asyncio.Future[tuple[T, float]]] = {}

    async def get(self, question: Hashable, make: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        """The answer to `question`: a kept one, or what `make` returns, with the CPU time that it took in seconds.
        Those who ask while it is made wait for the same. Raises what `make` raises, which is not kept."""
        answer = self._answers.get(question)
        if answer is None or (answer.done() and self._is_over(answer)):
            self._make_room()
            answer = self._answers[question] = asyncio.ensure_future(self._make(make))
        return (await asyncio.shield(answer))[0]

    def _is_over(self, answer: asyncio.Future[tuple[T, float]]) -> bool:
        return answer.cancelled() or answer.exception() is not None or self._clock() >= answer.result()[1]

    async def _make(self, make: Callable[[], Awaitable[tuple[T, float]]]) -> tuple[T, float]:
        """The answer, and until when it is kept."""
        answer, took_s = await make()
        return answer, self._clock() + max(MIN_KEPT_S, took_s / SHARE)

    def _make_room(self) -> None:
        """Forget the oldest, where there are many."""
        while len(self._answers) >= MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
