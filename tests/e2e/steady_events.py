"""Numbered events on a channel, one after the other while something happens to a client; and what it heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.e2e.node import Node
from tests.e2e.resuming import SUCCEEDED

PACE_S = 0.005  # between events while a client comes back, which takes a second; no load test


@dataclass
class SteadyEvents:
    """`publish` sends the event "e" with a number on a channel that `client` is subscribed to, and returns when that
    was answered with 200. What else the client is told, but for confirmations, is an error."""

    node: Node
    client: str
    publish: Callable[[int], Awaitable[None]]
    last: int = -1
    heard: list[object] = field(default_factory=list)

    async def during(self, happening: Awaitable[None]) -> None:
        """Publish until that is over; returns when the client has heard the last event."""
        task = asyncio.ensure_future(happening)
        try:
            while not task.done():
                await self._publish_next()
                await asyncio.sleep(PACE_S)
            await task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.once_more()

    async def once_more(self) -> None:
        """Publish one event, and listen until it has come."""
        await self._publish_next()
        while self.last not in self.heard:
            told = await self.node.next(self.client)
            if told["event"] != SUCCEEDED:
                assert told["event"] == "e", f"{told} after {self.heard[-1:]}, of {self.last}"
                self.heard.append(told["data"])

    async def came_once_and_in_order(self) -> None:
        """All that was published so far, and one more, behind which a repeat would come."""
        await self.once_more()
        assert self.heard == list(range(self.last + 1))

    async def _publish_next(self) -> None:
        await self.publish(self.last + 1)
        self.last += 1
