"""The link between the supervisor and a child process: JSON lines on a socket pair.

A supervisor may start children of newer code than its own. So the lines are versioned (`VERSION`, an argument of the
child), and each side ignores lines that it does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

_log = logging.getLogger(__name__)

VERSION = 1
MAX_LINE_BYTES = 64 * 1024
BEGIN = b"\n"  # ahead of all messages to a forked child, which then runs; a fresh one does not wait for it

# The tags and the names of fields are the wire format.


class Ready(msgspec.Struct, tag="ready"):
    """From a child: it serves. `drain_timeout_s` is how long it may take to drain."""

    drain_timeout_s: float = 0.0


class Heartbeat(msgspec.Struct, tag="beat"):
    """From a child, once a second: its loop is not blocked. `connections` are its open WebSockets. `bus` is why it is
    cut off from the other processes, "" while it is connected, and None if it has no bus. `lines_dropped` are lines of
    its output that could not be written. `unready` is why it should get no new clients, "" if it should."""

    connections: int = 0
    bus: str | None = None
    lines_dropped: int = 0
    unready: str = ""


class Draining(msgspec.Struct, tag="draining"):
    """From a child: it has begun to drain, and takes no new clients."""


class StartFailed(msgspec.Struct, tag="failed"):
    """From a child: it cannot start, and another attempt would fail alike. `configuration` is whether `problems` are
    those of a ConfigError."""

    problems: tuple[str, ...]
    configuration: bool = False


class Reloaded(msgspec.Struct, tag="reloaded"):
    """From a worker: it has done what `Reload` asks. `problem` is why the old certificate stays in use, or ""."""

    problem: str = ""


class FiguresPart(msgspec.Struct, tag="figures"):
    """From a child, once a second after `ReportFigures`: some rows of its figures (`revurb.observe.figures`), name,
    labels and numbers each. `is_last` ends those of one time."""

    rows: list[tuple[str, list[str], list[int | float]]]
    is_last: bool = False


class AppsReloaded(msgspec.Struct, tag="apps_reloaded"):
    """From a worker: it has done what `ReadAppsAgain` asks; so many nodes read apps again."""

    nodes: int = 0


class ConsoleAnswer(msgspec.Struct, tag="console_answer"):
    """From a worker: a piece of the answer to question `id` of the console. `is_last` ends it."""

    id: int
    status: int
    text: str
    is_last: bool = False


class AnnounceDrain(msgspec.Struct, tag="announce_drain"):
    """To a worker: say that it takes no new clients. It accepts those that come all the same, until `Drain`."""


class Drain(msgspec.Struct, tag="drain"):
    """To a child: drain, and exit."""


class EndNow(msgspec.Struct, tag="end_now"):
    """To a child that drains: exit without waiting for clients."""


class Reload(msgspec.Struct, tag="reload"):
    """To a worker: read the TLS certificate again."""


class ReportFigures(msgspec.Struct, tag="report_figures"):
    """To a child: tell your figures once a second, and at your end; only for so many seconds, if that is given. Older
    supervisors do not ask, and older children go on telling."""

    for_s: float | None = None


class ReadAppsAgain(msgspec.Struct, tag="reload_apps"):
    """To a worker: have all nodes read an app again, or all apps."""

    app_id: str | None = None


class Service(msgspec.Struct, tag="service"):
    """To a worker: go out of service, with clients closed evenly over `over_s` seconds, or over the drain timeout; or
    come back."""

    is_out: bool
    over_s: float | None = None


class Adopt(msgspec.Struct, tag="adopt"):
    """To a worker: also accept clients on the sockets of `slot`, which has no worker."""

    slot: int


class Release(msgspec.Struct, tag="release"):
    """To a worker: stop accepting on the sockets of `slot`, which has a worker again."""

    slot: int


class SetLogLevel(msgspec.Struct, tag="log_level"):
    """To a child: log this level and above, for so many seconds, or until it ends."""

    level: Literal["debug", "info", "warning", "error"]
    for_s: float | None = None


class ConsoleQuestion(msgspec.Struct, tag="console_question"):
    """To a worker: a piece of the body of a question of the console, which is called `name`. `is_last` ends it."""

    id: int
    name: str
    text: str
    is_last: bool = False


FromChild: TypeAlias = (
    Ready | Heartbeat | Draining | StartFailed | Reloaded | FiguresPart | AppsReloaded | ConsoleAnswer
)
ToChild: TypeAlias = (
    AnnounceDrain
    | Drain
    | EndNow
    | Adopt
    | Release
    | Reload
    | ReportFigures
    | ReadAppsAgain
    | Service
    | SetLogLevel
    | ConsoleQuestion
)

_from_child: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)
_to_child: msgspec.json.Decoder[ToChild] = msgspec.json.Decoder(ToChild)

In = TypeVar("In")
Out = TypeVar("Out")


class SupervisionLink(Generic[In, Out]):
    """One end of the link. Made by `open_supervisors_end` and `open_childs_end`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, decoder: msgspec.json.Decoder[In]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = decoder

    def send(self, message: Out) -> None:
        """Send a message, or drop it if the link is closed."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    @property
    def unsent_bytes(self) -> int:
        """What the kernel has not taken yet, since the other end does not read."""
        return self._writer.transport.get_write_buffer_size()

    def begin(self) -> None:
        """Let a forked child run."""
        self._writer.write(BEGIN)

    async def receive(self) -> In | None:
        """The next message that is known here; None when the other end has closed the link."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):  # ValueError: the line exceeds MAX_LINE_BYTES
                return None
            if not line.endswith(b"\n"):
                return None
            try:
                return self._decoder.decode(line)
            except msgspec.MsgspecError as error:
                _log.warning("unknown message on a link", extra={"error": str(error)})

    async def flush(self) -> None:
        """Wait until what was sent is with the kernel, or the link is broken."""
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


async def open_supervisors_end(sock: socket.socket) -> SupervisionLink[FromChild, ToChild]:
    return SupervisionLink(*await _streams(sock), _from_child)


async def open_childs_end(sock: socket.socket) -> SupervisionLink[ToChild, FromChild]:
    return SupervisionLink(*await _streams(sock), _to_child)


async def _streams(sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(sock=sock, limit=MAX_LINE_BYTES)
