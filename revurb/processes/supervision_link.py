"""The link between the supervisor and a child: JSON lines on a socket pair.

A supervisor starts children of newer code than its own, so the lines are versioned (`VERSION`, an argument of the
child), and a line that one side does not know is passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Generic, TypeAlias, TypeVar

import msgspec

_log = logging.getLogger(__name__)

VERSION = 1
MAX_LINE_BYTES = 64 * 1024


class Ready(msgspec.Struct, tag="ready"):
    """From a child: it does what it is there for. `drain_timeout_s` is how long it may take to leave."""

    drain_timeout_s: float = 0.0


class Heartbeat(msgspec.Struct, tag="beat"):
    """From a child, once a second: its loop turns. `connections` are WebSockets."""

    connections: int = 0


class Draining(msgspec.Struct, tag="draining"):
    """From a child: it has begun to leave, and takes no new clients."""


class Failed(msgspec.Struct, tag="failed"):
    """From a child that cannot do what it is there for: another try would end alike. `configuration` is whether
    `problems` are those of a ConfigError."""

    problems: tuple[str, ...]
    configuration: bool = False


class Drain(msgspec.Struct, tag="drain"):
    """To a child: let your clients go, and end."""


class EndNow(msgspec.Struct, tag="end_now"):
    """To a child that drains: do not wait any longer."""


class Adopt(msgspec.Struct, tag="adopt"):
    """To a worker: accept the clients of another slot as well, whose worker is gone."""

    slot: int


class Release(msgspec.Struct, tag="release"):
    """To a worker: that slot has a worker again."""

    slot: int


FromChild: TypeAlias = Ready | Heartbeat | Draining | Failed
ToChild: TypeAlias = Drain | EndNow | Adopt | Release

In = TypeVar("In")
Out = TypeVar("Out")


class SupervisionLink(Generic[In, Out]):
    """One end. `open_supervisors_end` and `open_childs_end` make it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, decoder: msgspec.json.Decoder[In]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = decoder

    def send(self, message: Out) -> None:
        """Send, or drop if nobody is there any more."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def receive(self) -> In | None:
        """The next message, None once the other end is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):  # ValueError: a line without an end
                return None
            if not line.endswith(b"\n"):
                return None
            try:
                return self._decoder.decode(line)
            except msgspec.MsgspecError as error:
                _log.warning("unknown message on a link", extra={"error": str(error)})

    async def flush(self) -> None:
        """Wait until what was sent has left."""
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


async def open_supervisors_end(sock: socket.socket) -> SupervisionLink[FromChild, ToChild]:
    return SupervisionLink(*await _streams(sock), msgspec.json.Decoder(FromChild))


async def open_childs_end(sock: socket.socket) -> SupervisionLink[ToChild, FromChild]:
    return SupervisionLink(*await _streams(sock), msgspec.json.Decoder(ToChild))


async def _streams(sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(sock=sock, limit=MAX_LINE_BYTES)
