"""Whom `status`, `stop` and `restart` talk to: the servers that run here, by their control sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from revurb.config import ConfigError, load
from revurb.server.control import Reply, Request, Status, ask
from revurb.server.runtime_dir import candidates, control_sockets

ANSWER_S = 10.0  # a server whose loop does not turn for so long is told of as one that does not answer
C = TypeVar("C", bound=Callable[..., object])


def port_option(command: C) -> C:
    """Add `--port N`, parameter `port`."""
    return click.option(
        "--port", type=int, metavar="N", help="The server on this port, if several run here."
    )(command)


def running(port: int | None) -> list[tuple[Status, socket.socket]]:
    """The servers that run here, by port, or those on `port`; each with a new connection to it.

    Exits with 1 if there is none, saying where it looked.
    """
    found = []
    runtime_dir = _runtime_dir()
    for path, sock in control_sockets(runtime_dir):
        with sock:
            status = _asked(path, sock, Request("status")).status
        again = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        again.connect(str(path))
        if status is not None and port in (None, status.port):
            found.append((status, again))
        else:
            again.close()
    if not found:
        where = ", ".join(str(path) for path in candidates(runtime_dir))
        which = "no server is running" if port is None else f"no server is running on port {port}"
        raise click.ClickException(f"{which}, as far as can be seen in {where}")
    return found


def the_one(port: int | None) -> tuple[Status, socket.socket]:
    """The server that runs here. Exits with 1 if there is none, or if there are several and `port` does not choose."""
    found = running(port)
    if len(found) > 1:
        pids = ", ".join(f"port {status.port} (pid {status.pid})" for status, _ in found)
        raise click.ClickException(f"several servers are running: {pids}; choose one with --port")
    return found[0]


def request(sock: socket.socket, what: Request, timeout_s: float | None) -> Reply:
    """The server's reply. Exits with 1 if it has none, or says why it cannot."""
    try:
        reply = ask(sock, what, timeout_s)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the server does not answer: {error}") from error
    if reply.error is not None:
        raise click.ClickException(reply.error)
    return reply


def _asked(path: Path, sock: socket.socket, what: Request) -> Reply:
    try:
        return ask(sock, what, ANSWER_S)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        click.echo(f"revurb: the server at {path} does not answer: {error}", err=True)
        return Reply()


def _runtime_dir() -> str | None:
    """As the server's own configuration has it, if there is one here; else the environment's word."""
    try:
        return load().process.runtime_dir
    except ConfigError:
        return os.environ.get("REVURB_RUNTIME_DIR") or None
