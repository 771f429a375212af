"""What a session has to do for the bus, in order, and never so much at once that the event loop stands still.

A little is done at once, which is the normal case. More waits for the next turns of the loop, each of which does
SLICE_S of it, and for the command queue, where no more than MAX_COMMANDS_WAITING are to wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.pace import MAX_COMMANDS_WAITING, SLICE_S

MAX_AT_ONCE = 100  # actions of one turn of the loop: 2 ms


class WorkQueue:
    """Actions that add to `commands`."""

    def __init__(self, commands: CommandQueue) -> None:
        self._commands = commands
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_held = False
        self._is_stopped = False
        self._is_scheduled = False
        self._done_in_turn = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, action: Callable[[], None]) -> None:
        """Do `action` behind everything that was given before: now, if nothing waits."""
        if self._waiting or self._is_held:
            self._waiting.append(action)
            return
        if not self._done_in_turn:
            self._loop.call_soon(self._next_turn)
        self._done_in_turn += 1
        if self._done_in_turn <= MAX_AT_ONCE and self._commands.waiting < MAX_COMMANDS_WAITING:
            action()
        else:
            self._waiting.append(action)
            self._schedule()

    def run_first(self, actions: list[Callable[[], None]]) -> None:
        """Do `actions` ahead of everything that waits."""
        self._waiting.extendleft(reversed(actions))
        self._schedule()

    def hold(self) -> None:
        """Do nothing until `release`."""
        self._is_held = True

    def release(self) -> None:
        """Go on."""
        self._is_held = False
        self._schedule()

    def stop(self) -> None:
        """Do nothing any more."""
        self._is_stopped = True
        self._waiting.clear()

    def _next_turn(self) -> None:
        self._done_in_turn = 0

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._is_scheduled = False
        if self._is_stopped or self._is_held:
            return
        end = time.monotonic() + SLICE_S
        while self._waiting and not self._is_held:
            if self._commands.waiting >= MAX_COMMANDS_WAITING:
                self._commands.when_room(self._schedule)
                return
            self._waiting.popleft()()
            if time.monotonic() >= end:
                break
        if self._waiting:
            self._schedule()
