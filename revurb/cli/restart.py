"""`revurb restart`: what SIGHUP does, and whether it worked."""

from __future__ import annotations

import click

from revurb.cli.local_servers import port_option, request, the_one
from revurb.processes.control_socket import ControlRequest


@click.command()
@port_option
def restart(port: int | None) -> None:
    """Replace the workers of a server, and refuse nobody meanwhile.

    The new ones have the configuration and the code of now, and are ready before the old ones send their clients
    over. If a new one cannot run, the old ones stay, and the exit code is 1.
    """
    sock, server = the_one(port)
    with sock:
        request(sock, ControlRequest("restart"), None)  # it has time limits of its own
    click.echo(f"Restarted the workers of the server on port {server.port}")
