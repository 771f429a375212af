"""`revurb restart`: replaces the workers as SIGHUP does, and reports the result."""

from __future__ import annotations

import click

from revurb.cli.examples import examples
from revurb.cli.local_servers import choose_server, port_option, request_or_exit
from revurb.cli.progress import waiting
from revurb.processes.control_socket import ControlRequest


@click.command(epilog=examples("restart"))
@port_option
def restart(port: int | None) -> None:
    """Replace the workers of a server, and refuse nobody meanwhile.

    The new ones have the configuration and the code of now, and are ready before the old ones send their clients
    over. If a new one cannot run, the old ones stay, and the exit code is 1.
    """
    sock, server = choose_server(port)
    with sock:
        with waiting(f"replacing the workers of the server on port {server.port}"):
            request_or_exit(sock, ControlRequest("restart"), None)  # the server limits its duration
    click.echo(f"Restarted the workers of the server on port {server.port}")
