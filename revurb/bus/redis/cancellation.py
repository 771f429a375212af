"""Cancelling tasks reliably."""

from __future__ import annotations

import asyncio
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
