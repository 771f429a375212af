"""Answers to surveys that take a process more than a turn of its loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from revurb.pusher.ports import MaybeAwaitable

_log = logging.getLogger(__name__)


class SurveyAnswers:
    """Gives each answer on when it is there: at once, or from a task."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, answer: MaybeAwaitable[bytes], send: Callable[[bytes], None]) -> None:
        """Call `send` with the answer. One that fails is logged, and is empty."""
        if not isinstance(answer, Awaitable):
            send(answer)
            return
        task = asyncio.get_running_loop().create_task(_give(answer, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Give none any more."""
        for task in self._tasks:
            task.cancel()


async def _give(answer: Awaitable[bytes], send: Callable[[bytes], None]) -> None:
    try:
        text = await answer
    except Exception:
        _log.exception("a survey could not be answered")
        text = b""
    send(text)
