"""The tasks of one session with Redis: each runs to its end, or until the session ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from revurb.bus.redis.cancellation import cancel_and_wait

_log = logging.getLogger(__name__)


class SessionTasks:
    """`on_fault` is called with an exception that a task did not handle, which is a fault of this program."""

    def __init__(self, on_fault: Callable[[Exception], None]) -> None:
        self._on_fault = on_fault
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, unless the session has ended."""
        if self._is_stopped:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def stop(self) -> None:
        """Cancel all that still run."""
        self._is_stopped = True
        await cancel_and_wait(*self._tasks)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            _log.error("work for the bus failed", exc_info=error)
            self._on_fault(error)
