"""Cancelling tasks reliably, and what a cancellation must not leave half done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_CANCEL_AGAIN_S = 0.2


async def cancel_and_wait(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks and wait for their end. A client library may take a cancellation for a lost connection and go on
    (seen with redis-py 8.1); such a task is cancelled again every 0.2 s."""
    pending = {task for task in tasks if task is not None}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)


async def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, such as closing connections. A cancellation that comes meanwhile is raised when it has ended."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
