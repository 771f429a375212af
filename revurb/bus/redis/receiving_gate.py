"""Whether messages of Redis are received at present."""

from __future__ import annotations

import asyncio


class ReceivingGate:
    """Open, unless more waits for clients than may. While it is closed, messages wait in Redis. It ends a connection
    for which 32 MB wait (`client-output-buffer-limit pubsub`), and what was missed then is in the log."""

    def __init__(self) -> None:
        self.is_closed = False
        self._opened = asyncio.Event()

    def close(self) -> None:
        self.is_closed = True
        self._opened.clear()

    def open(self) -> None:
        self.is_closed = False
        self._opened.set()

    async def wait(self) -> None:
        """Return when it is open."""
        while self.is_closed:
            await self._opened.wait()
