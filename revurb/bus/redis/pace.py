"""The pace of work that has many steps: the event loop gets its turn every few ms, and no more commands wait than Redis
soon takes."""

from __future__ import annotations

import asyncio
import time

from revurb.bus.redis.command_queue import CommandQueue

SLICE_S = 0.002
MAX_COMMANDS_WAITING = 1000


class Pace:
    """For work that adds to `commands`."""

    def __init__(self, commands: CommandQueue) -> None:
        self._commands = commands
        self._until = 0.0

    async def step(self) -> None:
        """To be awaited before each step. Returns at once while there is time and room."""
        while self._commands.waiting >= MAX_COMMANDS_WAITING:
            room = asyncio.Event()
            self._commands.when_room(room.set)
            await room.wait()
            self._until = 0.0
        now = time.monotonic()
        if now >= self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + SLICE_S
