"""Whom `status`, `stop` and `restart` talk to: the servers that run here, by their control sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from revurb.config import ConfigError, load
from revurb.processes.control_socket import ControlReply, ControlRequest, ServerStatus, ask
from revurb.processes.runtime_dir import candidates, connect, control_sockets

ANSWER_S = 10.0  # a server whose loop does not turn for so long is told of as one that does not answer
C = TypeVar("C", bound=Callable[..., object])


def port_option(command: C) -> C:
    """Add `--port N`, parameter `port`."""
    return click.option(
        "--port", type=int, metavar="N", help="The server on this port, if several run here."
    )(command)


def running(port: int | None) -> list[tuple[Path, ServerStatus]]:
    """The servers that run here, by port, or those on `port`, and their control sockets.

    Exits with 1 if there is none, saying where it looked.
    """
    found = []
    runtime_dir = _runtime_dir()
    for path, sock in control_sockets(runtime_dir):
        with sock:
            status = _asked(path, sock)
        if status is not None and port in (None, status.port):
            found.append((path, status))
    if not found:
        where = ", ".join(str(path) for path in candidates(runtime_dir))
        which = "no server is running" if port is None else f"no server is running on port {port}"
        raise click.ClickException(f"{which}, as far as can be seen in {where}")
    return found


def the_one(port: int | None) -> tuple[socket.socket, ServerStatus]:
    """A connection to the server that runs here. Exits with 1 if there is none, or if there are several and `port` does
    not choose."""
    found = running(port)
    if len(found) > 1:
        servers = ", ".join(f"port {status.port} (pid {status.pid})" for _, status in found)
        raise click.ClickException(f"several servers are running: {servers}; choose one with --port")
    ((path, status),) = found
    sock = connect(path)
    if sock is None:
        raise click.ClickException("the server has just ended")
    return sock, status


def request(sock: socket.socket, what: ControlRequest, timeout_s: float | None) -> ControlReply:
    """The server's reply. Exits with 1 if it has none, or says why it cannot."""
    try:
        reply = ask(sock, what, timeout_s)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the server does not answer: {error}") from error
    if reply.error is not None:
        raise click.ClickException(reply.error)
    return reply


def _asked(path: Path, sock: socket.socket) -> ServerStatus | None:
    try:
        return ask(sock, ControlRequest("status"), ANSWER_S).status
    except (OSError, ValueError) as error:
        click.echo(f"revurb: the server at {path} does not answer: {error}", err=True)
        return None


def _runtime_dir() -> str | None:
    """As the server's own configuration has it, if there is one here; else the environment's word."""
    try:
        return load().process.runtime_dir
    except ConfigError:
        return os.environ.get("REVURB_RUNTIME_DIR") or None
