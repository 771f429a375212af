"""What the tests of the client share: quick attempts, and events that are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from revurb import App, HistoryRule
from revurb.pusher_client import ConnectionTiming, Event

PATIENCE_S = 15.0
KEPT = ("room-*", "private-room-*", "presence-room-*", "cache-room-*", "private-encrypted-room-*")
APP = App(id="1", key="key1", secret="secret1", history=(HistoryRule(channels=KEPT, size=500),))
AT_ONCE = ConnectionTiming(delay_s=lambda attempt: 0.01 * min(attempt, 10))


class Collected:
    """A handler that keeps its events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    @property
    def names(self) -> list[str]:
        return [event.event for event in self.events]

    @property
    def data(self) -> list[Any]:
        return [event.json() for event in self.events]

    async def count(self, number: int) -> list[Event]:
        """Wait until there are so many events; exactly so many are there then."""
        await self.until(lambda: len(self.events) >= number)
        assert len(self.events) == number, self.events
        return self.events

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
