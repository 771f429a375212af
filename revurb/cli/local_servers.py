"""Finds the servers that run on this host by their control sockets, for the verbs that talk to them."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from revurb.config import Config, PartialConfigError, load
from revurb.observe.printable import escape_lines
from revurb.processes.control_socket import ControlReply, ControlRequest, ServerStatus, send_control_request
from revurb.processes.runtime_dir import candidates, connect, control_sockets

RELOAD_TIMEOUT_S = 30.0
REPLY_TIMEOUT_S = 10.0  # then a server counts as one that does not answer
C = TypeVar("C", bound=Callable[..., object])


def _port_number(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """A TCP port in ASCII digits; `int` would take "80_80" as well."""
    if text is None:
        return None
    if re.fullmatch("[0-9]{1,5}", text) is None or not 0 < int(text) < 65536:
        raise click.BadParameter(f"found {text!r}; allowed: an integer from 1 to 65535")
    return int(text)


def port_option(command: C) -> C:
    """Add `--port N`, parameter `port`."""
    return click.option(
        "--port", callback=_port_number, metavar="N", help="The server on this port, if several run here."
    )(command)


def find_servers(
    port: int | None, *, config: Path | None = None, env_file: Path | None = None
) -> list[tuple[Path, ServerStatus]]:
    """The control sockets and the statuses of the servers that run on this host, by port; with `port`, only of those on
    it. The configuration, of which `config` and `env_file` replace files, has the directory.

    Exits with 1 if there is none, with an error that names the directories.
    """
    servers = []
    runtime_dir = _runtime_dir(config, env_file)
    for path, sock in control_sockets(runtime_dir):
        with sock:
            status = _query_status(path, sock)
        if status is not None and port in (None, status.port):
            servers.append((path, status))
    if not servers:
        directories = ", ".join(str(path) for path in candidates(runtime_dir))
        error = "no server is running" if port is None else f"no server is running on port {port}"
        raise click.ClickException(
            f"{error}, as far as can be seen in {directories}; start one with revurb serve, or say where its sockets "
            "are with REVURB_RUNTIME_DIR"
        )
    return servers


def choose_server(port: int | None) -> tuple[socket.socket, ServerStatus]:
    """A connection to the control socket of the only server, or of the one on `port`; the caller closes it. Exits with
    1 if there is none, or several."""
    path, status = choose_one(port)
    sock = connect(path)
    if sock is None:
        raise click.ClickException("the server has just ended")
    return sock, status


def choose_one(port: int | None, **files: Path | None) -> tuple[Path, ServerStatus]:
    """The control socket and the status of the only server, or of the one on `port`. Exits with 1 if there is none, or
    several."""
    servers = find_servers(port, **files)
    if len(servers) > 1:
        names = ", ".join(f"port {status.port} (pid {status.pid})" for _, status in servers)
        raise click.ClickException(f"several servers are running: {names}; choose one with --port")
    return servers[0]


def request_or_exit(sock: socket.socket, request: ControlRequest, timeout_s: float | None) -> ControlReply:
    """The reply of the server. Exits with 1 if it is an error, or if none arrives within `timeout_s` seconds."""
    try:
        reply = send_control_request(sock, request, timeout_s)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the server does not answer: {error}") from error
    if reply.error is not None:
        raise click.ClickException(reply.error)
    return reply


def reload_apps(config: Config | None, app_id: str | None, port: int | None = None) -> None:
    """Have the server that runs here and all nodes read an app again, or all, and say how many do. With `config`, apps
    have just been changed: then it is only said if no server runs, or if several do."""
    try:
        sock, _ = choose_server(port)
    except click.ClickException:
        if config is None:
            raise
        click.echo(
            "revurb: no server was told: revurb apps reload does it, or they read it within "
            f"{config.app_lookup.cache_ttl_s:g} s",
            err=True,
        )
        return
    with sock:
        reply = request_or_exit(sock, ControlRequest("reload_apps", app_id=app_id), RELOAD_TIMEOUT_S)
    if not reply.nodes and config is None:
        raise click.ClickException(
            "no node looks its apps up: those of a configuration change with it, by revurb restart"
        )
    what = "all apps" if app_id is None else f"app {app_id}"
    click.echo(
        f"{reply.nodes} {'node reads' if reply.nodes == 1 else 'nodes read'} {what} again",
        err=config is not None,
    )


def _query_status(path: Path, sock: socket.socket) -> ServerStatus | None:
    try:
        return send_control_request(sock, ControlRequest("status"), REPLY_TIMEOUT_S).status
    except (OSError, ValueError) as error:
        click.echo(escape_lines(f"revurb: the server at {path} does not answer: {error}"), err=True)
        return None


def _runtime_dir(config: Path | None, env_file: Path | None) -> str | None:
    """The runtime directory of the configuration, by default of that in the working directory, also where other options
    are wrong: the server of another project must not be taken for the one that is meant."""
    try:
        return load(toml_path=config, env_file=env_file).process.runtime_dir
    except PartialConfigError as error:
        return error.usable.process.runtime_dir
