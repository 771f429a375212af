"""`revurb log-level`: changes what a running server logs."""

from __future__ import annotations

import typing

import click

from revurb.cli.examples import examples
from revurb.cli.local_servers import REPLY_TIMEOUT_S, choose_server, port_option, request_or_exit
from revurb.cli.options import MAX_SECONDS, FiniteRange
from revurb.processes.control_socket import ControlRequest, LevelName


@click.command("log-level", epilog=examples("log-level"))
@click.argument("level", type=click.Choice(typing.get_args(LevelName)))
@click.option(
    "--for",
    "for_s",
    type=FiniteRange(0, MAX_SECONDS, min_open=True),
    metavar="SECONDS",
    help="For so long; then it is as configured again.",
)
@port_option
def log_level(level: LevelName, for_s: float | None, port: int | None) -> None:
    """Change the level of the log of the server that runs here, in all of its processes.

    Processes that start later have the configured level (REVURB_LOG_LEVEL).
    """
    sock, server = choose_server(port)
    with sock:
        request_or_exit(sock, ControlRequest("log-level", level=level, for_s=for_s), REPLY_TIMEOUT_S)
    how_long = "" if for_s is None else f" for {for_s:g} s"
    click.echo(f"The server on port {server.port} logs {level} and above{how_long}")
