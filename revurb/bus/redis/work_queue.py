"""What a session has to do for the bus, in order, and never so much at once that the event loop stands still.

A little is done at once, which is the normal case. More waits for the next turns of the loop, each of which does
SLICE_S of it, and for the command queue, where no more than MAX_COMMANDS_WAITING are to wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.pace import MAX_COMMANDS_WAITING, SLICE_S

MAX_WAITING = 200_000  # actions: 50 MB
MAX_AT_ONCE = 100  # actions between two pipelines: 2 ms

T = TypeVar("T")


class WorkQueue:
    """Actions that add to `commands`. `on_overflow` is called when more than MAX_WAITING wait: the session has to end,
    and the next one begins with what is true by then."""

    def __init__(self, commands: CommandQueue, on_overflow: Callable[[], None] = lambda: None) -> None:
        self._commands = commands
        self._on_overflow = on_overflow
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._is_held = False
        self._is_stopped = False
        self._is_scheduled = False
        self._turn = 0  # by the pipelines that were sent
        self._done_in_turn = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, do: Callable[[T], None], what: T) -> None:
        """`do(what)` behind everything that was given before: now, if nothing waits."""
        if self._waiting or self._is_held:
            self._wait(do, what)
            return
        commands = self._commands
        if commands.pipelines_sent != self._turn:
            self._turn, self._done_in_turn = commands.pipelines_sent, 0
        self._done_in_turn += 1
        if self._done_in_turn <= MAX_AT_ONCE and commands.waiting < MAX_COMMANDS_WAITING:
            do(what)
        else:
            self._wait(do, what)
            self._schedule()

    def run_first(self, actions: list[Callable[[], None]]) -> None:
        """Do `actions` ahead of everything that waits."""
        self._waiting.extendleft((_call, action) for action in reversed(actions))
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

    def _wait(self, do: Callable[[T], None], what: T) -> None:
        if self._is_stopped:
            return
        self._waiting.append((do, what))
        if len(self._waiting) > MAX_WAITING:
            self.stop()
            self._on_overflow()

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
            do, what = self._waiting.popleft()
            do(what)
            if time.monotonic() >= end:
                break
        if self._waiting:
            self._schedule()


def _call(action: Callable[[], None]) -> None:
    action()
