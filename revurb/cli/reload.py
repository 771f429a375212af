"""`revurb reload`: has a server read its TLS certificate again."""

from __future__ import annotations

import click

from revurb.cli.examples import examples
from revurb.cli.local_servers import choose_server, port_option, request_or_exit
from revurb.cli.progress import waiting
from revurb.processes.control_socket import ControlRequest

TIMEOUT_S = 20.0


@click.command(epilog=examples("reload"))
@port_option
def reload(port: int | None) -> None:
    """Read the TLS certificate of a server again, in all of its workers, without moving anybody.

    Clients that connect from now on are shown it. If it cannot be used, the old one stays in use, and the exit code is
    1. A server does the same by itself when the files have changed.
    """
    sock, server = choose_server(port)
    with sock:
        with waiting("reading the certificate"):
            request_or_exit(sock, ControlRequest("reload"), TIMEOUT_S)
    click.echo(f"The server on port {server.port} has read its certificate again")
