"""Asks a database of apps once, for a command: with a deadline, also where a driver has none or does not end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from revurb.lookup.sql_apps import SqlApps
from revurb.lookup.task_end import end_tasks

TIMEOUT_S = 10.0
CLOSE_S = 1.0
T = TypeVar("T")


async def ask_once(
    url: str, table: str, ask: Callable[[SqlApps], Coroutine[Any, Any, T]], timeout_s: float = TIMEOUT_S
) -> T:
    """What `ask` returns of the apps in `table`. Raises AppProviderError, TimeoutError, and what a driver raises."""
    threads = set(threading.enumerate())
    apps = SqlApps(url, table)
    asking = asyncio.ensure_future(ask(apps))
    try:
        done, _ = await asyncio.wait((asking,), timeout=timeout_s)
        if not done:
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        return asking.result()
    finally:
        closing = asyncio.ensure_future(apps.close())
        await asyncio.wait((closing,), timeout=CLOSE_S)
        await end_tasks((asking, closing), CLOSE_S)
        await _end_of_drivers(threads)


async def _end_of_drivers(before: set[threading.Thread]) -> None:
    """Wait for threads that a driver has started. aiosqlite's has something to say when it ends, also where it has not
    connected; of a loop that is closed by then, it would print a traceback."""
    own = [each for each in set(threading.enumerate()) - before if not each.name.startswith("asyncio_")]
    for thread in own:
        await asyncio.to_thread(thread.join, CLOSE_S)
