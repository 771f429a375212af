"""The pace of work that has many steps: the event loop gets its turn every few ms, and no more commands wait than Redis
soon takes."""

from __future__ import annotations

import asyncio
import time

from revurb.bus.redis.command_queue import CommandQueue

SLICE_S = 0.002
SPARING_SHARE = 0.25  # of the time
MAX_PAUSE_S = 0.1
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


class SparingPace(Pace):
    """For work that nobody waits for. After each step it pauses until the step has taken SPARING_SHARE of the time: the
    busier Redis is, the longer, up to MAX_PAUSE_S. To be used by one task."""

    def __init__(self, commands: CommandQueue) -> None:
        super().__init__(commands)
        self._began_at = time.monotonic()

    async def step(self) -> None:
        """To be awaited before each step. Returns when everything that was added to the commands is done, and the pause
        is over."""
        await self._commands.flush()
        took_s = time.monotonic() - self._began_at
        await asyncio.sleep(min(MAX_PAUSE_S, took_s * (1 / SPARING_SHARE - 1)))
        self._began_at = time.monotonic()
