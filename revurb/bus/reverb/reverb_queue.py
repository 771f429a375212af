"""Messages on their way to the PHP nodes: in order, and kept until Redis has them.

While Redis or the PHP nodes are away they wait, bounded in number and bytes. What was sent to Redis without a reply is
sent again: PHP nodes cannot tell that it came twice, but losing an event is worse.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from revurb.bus.redis.command_queue import CommandQueue

_log = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024
MAX_UNCONFIRMED_BYTES = 4 * 1024 * 1024  # that Redis was sent; what comes then waits here
_MESSAGE_BYTES = 300  # memory of a message besides its text


class ReverbQueue:
    """Messages for `channel`. `is_holding` is whether new ones wait; `dropped` counts those that could not wait any
    longer, which is logged."""

    def __init__(self, channel: str) -> None:
        self.dropped = 0
        self.is_holding = False
        self._channel = channel
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._unconfirmed: dict[int, tuple[bytes, asyncio.Future[None]]] = {}
        self._unconfirmed_bytes = 0
        self._message_number = 0
        self._is_dropping = False  # since it was logged

    def add(self, message: bytes, commands: CommandQueue | None) -> asyncio.Future[None] | None:
        """Send a message, if Redis can be reached and nothing waits. Returns what is done when Redis has it; None if it
        waits."""
        if commands is None or self.is_holding:
            self._wait(message)
            return None
        if self._waiting or self._unconfirmed_bytes > MAX_UNCONFIRMED_BYTES:
            self._wait(message)
            self._send_waiting(commands)
            return None
        return self._send(message, commands)

    def disconnected(self, hold: bool) -> None:
        """Redis is gone. With `hold`, everything waits until `release`."""
        self.is_holding = hold
        unconfirmed, self._unconfirmed, self._unconfirmed_bytes = self._unconfirmed, {}, 0
        for message, sent in reversed(unconfirmed.values()):
            self._waiting.appendleft(message)
            self._waiting_bytes += len(message) + _MESSAGE_BYTES
            if not sent.done():
                sent.set_result(None)
        self._drop_oldest()

    def release(self, commands: CommandQueue | None, *, is_loss: bool = True) -> None:
        """Send what waits, or drop it with `commands` None: then there is no PHP node to send it to. It is not counted
        if that `is_loss` is False, since there never was one."""
        self.is_holding = False
        if commands is not None:
            self._send_waiting(commands)
            return
        self.dropped += len(self._waiting) if is_loss else 0
        self._waiting.clear()
        self._waiting_bytes = 0

    def _wait(self, message: bytes) -> None:
        self._waiting.append(message)
        self._waiting_bytes += len(message) + _MESSAGE_BYTES
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft()) + _MESSAGE_BYTES
            self.dropped += 1
            if not self._is_dropping:
                self._is_dropping = True
                _log.warning("too many messages wait for PHP nodes: the oldest are dropped")

    def _send(self, message: bytes, commands: CommandQueue) -> asyncio.Future[None]:
        self._message_number += 1
        number, sent = self._message_number, asyncio.get_running_loop().create_future()
        self._unconfirmed[number] = (message, sent)
        self._unconfirmed_bytes += len(message) + _MESSAGE_BYTES
        commands.run_command(
            "PUBLISH", self._channel, message, done=lambda reply: self._on_sent(number, commands)
        )
        return sent

    def _send_waiting(self, commands: CommandQueue) -> None:
        while self._waiting and self._unconfirmed_bytes <= MAX_UNCONFIRMED_BYTES:
            message = self._waiting.popleft()
            self._waiting_bytes -= len(message) + _MESSAGE_BYTES
            self._send(message, commands)
        if not self._waiting:
            self._is_dropping = False

    def _on_sent(self, number: int, commands: CommandQueue) -> None:
        message, sent = self._unconfirmed.pop(number, (b"", None))
        if sent is None:
            return  # it waits again
        self._unconfirmed_bytes -= len(message) + _MESSAGE_BYTES
        if not sent.done():
            sent.set_result(None)
        if self._waiting:
            self._send_waiting(commands)
