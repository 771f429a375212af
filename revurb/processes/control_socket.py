"""The control socket of a running server, for `revurb status`, `stop`, `restart`, `reload`, `drain`, `log-level`,
`apps` and `revurb top`.

A client sends one JSON line and receives one. After a stop request the connection stays open until the server has
ended. File permissions decide who may connect: the socket has mode 0600, in a directory of its owner.
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

from revurb.processes.process_load import ProcessLoad
from revurb.processes.runtime_dir import SUFFIX, connect, usable_dir

_log = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 * 1024
REQUEST_TIMEOUT_S = 5.0  # then a connection without a request is closed


class ProcessStatus(msgspec.Struct):
    """One process of a server. `state` is starting, ready, draining, blocked, or waiting (for its next start). `bus` is
    why it is cut off from the other processes, "" while it is connected, and None if it has no bus."""

    process: str
    pid: int | None
    state: str
    uptime_s: float
    connections: int
    restarts: int
    bus: str | None = None


class ServerStatus(msgspec.Struct):
    """A running server. `state` is starting, ready, restarting or draining. `lines_dropped` are lines that its
    processes could not write to their standard output and error. `dev_environment` is how other commands find the
    ready-made app of a server that has it."""

    version: str
    pid: int
    host: str
    port: int
    state: str
    uptime_s: float
    supervised: bool
    processes: list[ProcessStatus]
    lines_dropped: int = 0
    dev_environment: dict[str, str] | None = None


LevelName: TypeAlias = Literal["debug", "info", "warning", "error"]


class ControlRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`now` belongs to a stop: the server does not wait for its clients. `app_id` is the one app that is to be read
    again. `is_out` is whether a server is to go out of service, over so many seconds, or to come back. `level` and
    `for_s` belong to a log level: for so many seconds, or for as long as the processes run. Defaults are left out, as a
    server of an older version knows fewer fields."""

    do: Literal["status", "loads", "stop", "restart", "reload", "reload_apps", "service", "log-level"]
    now: bool = False
    app_id: str | None = None
    is_out: bool = False
    over_s: float | None = None
    level: LevelName = "info"
    for_s: float | None = None


class ControlReply(msgspec.Struct):
    """`error` is the reason why the request failed, as a message for the operator. `status` answers a status
    request, `loads` a request for those: of the processes that have told theirs. `nodes` is how many nodes read apps
    again."""

    error: str | None = None
    status: ServerStatus | None = None
    nodes: int | None = None
    loads: list[ProcessLoad] | None = None


ControlHandler: TypeAlias = Callable[[ControlRequest], Awaitable[ControlReply]]


class ControlSocket:
    """The server's side. `answer` is called with each request and returns the reply."""

    def __init__(self, answer: ControlHandler) -> None:
        self._answer = answer
        self._path: Path | None = None
        self._server: asyncio.AbstractServer | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def start(self, runtime_dir: str | None, port: int) -> None:
        """Listen on a socket named by the port of the server. If that fails, a warning is logged and the server goes on
        without one."""
        try:
            folder = usable_dir(runtime_dir)
            path = folder / f"{port}{SUFFIX}"
            other = connect(path)  # removes the socket of a server that was killed
            if other is not None:  # a server on the same port of another address
                other.close()
                path = folder / f"{port}-{os.getpid()}{SUFFIX}"
            self._server = await asyncio.start_unix_server(
                self._converse, sock=_listening_socket(path), limit=MAX_LINE_BYTES
            )
            self._path = path
        except OSError as error:
            _log.warning(
                "no control socket, so that status, stop, restart and reload will not find this server; set "
                "REVURB_RUNTIME_DIR to a folder that can be written",
                extra={"reason": f"{error.filename}: {error.strerror}" if error.filename else str(error)},
            )

    def close(self) -> None:
        """Stop listening, remove the socket, and close the connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None
        for conversation in self._conversations:
            conversation.cancel()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                line = await reader.readline()
            request = msgspec.json.decode(line, type=ControlRequest)
            writer.write(msgspec.json.encode(await self._answer(request)) + b"\n")
            await writer.drain()
            if request.do == "stop":
                await reader.read()  # until the client closes, or `close` cancels this task
        except (OSError, ValueError, TimeoutError, asyncio.CancelledError):
            pass  # no request, or an invalid one
        finally:
            self._conversations.discard(task)
            writer.close()


def _listening_socket(path: Path) -> socket.socket:
    """A socket that listens from the moment at which it can be found: whoever looked for servers in between would take
    it for that of a server that was killed, and remove it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unfinished = path.with_suffix(".new")
    try:
        unfinished.unlink(missing_ok=True)  # of a server that was killed in between
        sock.bind(str(unfinished))
        os.chmod(unfinished, 0o600)
        sock.listen()
        sock.setblocking(False)
        unfinished.rename(path)
    except OSError:
        sock.close()
        raise
    return sock


def send_control_request(
    sock: socket.socket, request: ControlRequest, timeout_s: float | None = None
) -> ControlReply:
    """The client's side: send a request on a connection of `control_sockets` and wait for the reply. Raises OSError if
    none arrives within `timeout_s` seconds, ValueError if it is invalid."""
    sock.settimeout(timeout_s)
    sock.sendall(msgspec.json.encode(request) + b"\n")
    received = b""
    while not received.endswith(b"\n"):
        part = sock.recv(MAX_LINE_BYTES)
        if not part:
            raise ConnectionResetError("the server ended without an answer")
        received += part
    return msgspec.json.decode(received, type=ControlReply)
