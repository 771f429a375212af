"""Listens to a PostgreSQL that tells of changed apps (the trigger of `revurb apps init`), on a connection of its own.

While the connection is lost nothing is heard: so once it is there again, all apps count as changed. A question now and
then finds out about one of which no end was told, as behind a firewall that has forgotten it. Other databases tell
nothing: there the lifetime of the cache counts, and `revurb apps reload`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 1.0
MAX_RETRY_S = 30.0
ASK_EVERY_S = 30.0
ANSWER_S = 10.0


class AppNotices:
    """Calls `on_notice` with the id of an app that was changed; with None where any may have been."""

    def __init__(self, engine: AsyncEngine, channel: str, on_notice: Callable[[str | None], None]) -> None:
        self._engine = engine
        self._channel = channel
        self._on_notice = on_notice
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Does nothing for a database that tells nothing."""
        if self._engine.dialect.name == "postgresql" and self._engine.dialect.driver == "asyncpg":
            self._task = asyncio.ensure_future(self._listen())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _listen(self) -> None:
        retry_s, is_first = FIRST_RETRY_S, True
        while True:
            try:
                async with self._engine.connect() as connection:
                    raw: Any = (await connection.get_raw_connection()).driver_connection
                    lost = asyncio.Event()
                    raw.add_termination_listener(partial(_set, lost))
                    await raw.add_listener(self._channel, self._on_message)
                    if not is_first:
                        self._on_notice(None)
                    retry_s, is_first = FIRST_RETRY_S, False
                    try:
                        await _until_lost(raw, lost)
                    finally:
                        raw.terminate()  # it must not be lent to a lookup, nor waited for
                        await connection.invalidate()
            except Exception as error:  # a driver may raise anything of its own
                _log.warning(
                    "not told of changed apps, trying again",
                    extra={"reason": type(error).__name__, "retry_in_s": retry_s},
                )
            is_first = False
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, MAX_RETRY_S)

    def _on_message(self, connection: object, pid: int, channel: str, payload: str) -> None:
        self._on_notice(payload or None)


async def _until_lost(raw: Any, lost: asyncio.Event) -> None:
    """Returns when the connection has ended. Raises if a question on it is not answered."""
    while not lost.is_set():
        try:
            async with asyncio.timeout(ASK_EVERY_S):
                await lost.wait()
        except TimeoutError:
            await raw.execute("SELECT 1", timeout=ANSWER_S)


def _set(lost: asyncio.Event, connection: object) -> None:
    lost.set()
