"""Answers that are written in one go, while several requests of a peer are handled: a system call takes as long as a
plain request."""

from __future__ import annotations

import asyncio

MAX_TOGETHER_BYTES = 16 * 1024  # behind an answer that is larger, what has gathered is written


class GatheredOutput:
    """Writes to `transport` what it was given, once it is flushed, or has been given much."""

    __slots__ = ("_parts", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        if len(data) > MAX_TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._transport.write(data)
