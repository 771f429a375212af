"""Ends tasks that may refuse to: those of users' hooks, and of drivers that say goodbye to a server which is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], timeout_s: float) -> None:
    """Cancel `tasks`, and wait for their end for so long. What goes on then is forgotten, since an event loop that is
    closed (`asyncio.Runner`) waits for every task that it knows, for ever."""
    running = {task for task in tasks if not task.done()}
    for task in running:
        task.cancel()
    if running:
        _, left = await asyncio.wait(running, timeout=timeout_s)
        for task in left:
            asyncio.tasks._unregister_task(task)
