"""The control socket of a running server: `revurb status`, `stop` and `restart` talk to it.

One JSON line there, one back. The connection of a `stop` then stays open until the server has ended. Who may connect
is a matter of permissions: the socket has mode 0600, in a folder of its owner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from revurb.processes.runtime_dir import SUFFIX, connect, usable_dir

_log = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 * 1024
ASKING_S = 5.0  # a connection that asks nothing is not kept


class ProcessStatus(msgspec.Struct):
    """A process that serves clients. `state` is starting, ready, draining, blocked or waiting (for its next start)."""

    process: str
    pid: int | None
    state: str
    uptime_s: float
    connections: int
    restarts: int


class ServerStatus(msgspec.Struct):
    """A running server. `state` is starting, ready, restarting or draining."""

    version: str
    pid: int
    host: str
    port: int
    state: str
    uptime_s: float
    supervised: bool
    processes: list[ProcessStatus]


class ControlRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`now` is for a stop that does not wait for clients."""

    do: Literal["status", "stop", "restart"]
    now: bool = False


class ControlReply(msgspec.Struct):
    """`error` is why it was not done, in words for the operator."""

    error: str | None = None
    status: ServerStatus | None = None


ControlHandler: TypeAlias = Callable[[ControlRequest], Awaitable[ControlReply]]


class ControlSocket:
    """The server's side. `answer` gives the reply to each request."""

    def __init__(self, answer: ControlHandler) -> None:
        self._answer = answer
        self._path: Path | None = None
        self._server: asyncio.AbstractServer | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self, runtime_dir: str | None, port: int) -> None:
        """Listen, by the name of the port. A server works without; then the log says what is in the way."""
        try:
            folder = usable_dir(runtime_dir)
            path = folder / f"{port}{SUFFIX}"
            other = connect(path)  # removes a stale one
            if other is not None:  # the same port on another address
                other.close()
                path = folder / f"{port}-{os.getpid()}{SUFFIX}"
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.bind(str(path))
            os.chmod(path, 0o600)
            sock.setblocking(False)
            self._server = await asyncio.start_unix_server(self._talk, sock=sock, limit=MAX_LINE_BYTES)
            self._path = path
        except OSError as error:
            _log.warning(
                "no control socket, so that status, stop and restart will not find this server",
                extra={"reason": str(error)},
            )

    def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None
        for talk in self._talks:
            talk.cancel()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            async with asyncio.timeout(ASKING_S):
                line = await reader.readline()
            request = msgspec.json.decode(line, type=ControlRequest)
            writer.write(msgspec.json.encode(await self._answer(request)) + b"\n")
            await writer.drain()
            if request.do == "stop":
                await reader.read()  # until the client has gone, or we have
        except (OSError, ValueError, TimeoutError, asyncio.CancelledError):
            pass  # nobody asked, or it was no request
        finally:
            self._talks.discard(task)
            writer.close()


def ask(sock: socket.socket, request: ControlRequest, timeout_s: float | None = None) -> ControlReply:
    """The client's side: one request on a connection of `control_sockets`. Raises OSError or ValueError if there is no
    answer in `timeout_s` seconds."""
    sock.settimeout(timeout_s)
    sock.sendall(msgspec.json.encode(request) + b"\n")
    received = b""
    while not received.endswith(b"\n"):
        part = sock.recv(MAX_LINE_BYTES)
        if not part:
            raise ConnectionResetError("the server ended without an answer")
        received += part
    return msgspec.json.decode(received, type=ControlReply)
