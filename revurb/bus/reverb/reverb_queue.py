"""Messages on their way to the PHP nodes: in order, and kept until Redis has them.

While Redis or the PHP nodes are away they wait, bounded in number and bytes. What was sent to Redis without a reply is
sent again: PHP nodes cannot tell that it came twice, but losing an event is worse.
"""

from __future__ import annotations

import asyncio
from collections import deque

from revurb.bus.redis.command_queue import CommandQueue

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024


class ReverbQueue:
    """Messages for `channel`. `is_holding` is whether new ones wait; `dropped` counts those that could not wait any
    longer."""

    def __init__(self, channel: str) -> None:
        self.dropped = 0
        self.is_holding = False
        self._channel = channel
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._unconfirmed: dict[int, tuple[bytes, asyncio.Future[None]]] = {}
        self._message_number = 0

    def add(self, message: bytes, commands: CommandQueue | None) -> asyncio.Future[None] | None:
        """Send a message, if Redis can be reached and nothing waits. Returns what is done when Redis has it; None if it
        waits."""
        if commands is None or self.is_holding:
            self._waiting.append(message)
            self._waiting_bytes += len(message)
            while len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
                self._waiting_bytes -= len(self._waiting.popleft())
                self.dropped += 1
            return None
        self._message_number += 1
        number, sent = self._message_number, asyncio.get_running_loop().create_future()
        self._unconfirmed[number] = (message, sent)
        commands.run_command("PUBLISH", self._channel, message, done=lambda reply: self._on_sent(number))
        return sent

    def disconnected(self, hold: bool) -> None:
        """Redis is gone. With `hold`, everything waits until `release`."""
        self.is_holding = hold
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        for message, sent in reversed(unconfirmed.values()):
            self._waiting.appendleft(message)
            self._waiting_bytes += len(message)
            if not sent.done():
                sent.set_result(None)

    def release(self, commands: CommandQueue | None, *, is_loss: bool = True) -> None:
        """Send what waits, or drop it with `commands` None: then there is no PHP node to send it to. It is not counted
        if that `is_loss` is False, since there never was one."""
        self.is_holding = False
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        if commands is None:
            self.dropped += len(waiting) if is_loss else 0
            return
        for message in waiting:
            self.add(message, commands)

    def _on_sent(self, number: int) -> None:
        _, sent = self._unconfirmed.pop(number)
        if not sent.done():
            sent.set_result(None)
