"""`revurb drain`: takes a server out of service while it runs, and brings it back."""

from __future__ import annotations

import click

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.local_servers import REPLY_TIMEOUT_S, choose_server, port_option, request_or_exit
from revurb.cli.options import MAX_SECONDS, FiniteRange
from revurb.processes.control_socket import ControlRequest


@click.command(epilog=examples("drain"))
@port_option
@click.option("--back", is_flag=True, help="Serve as before.")
@click.option(
    "--over",
    "over_s",
    type=FiniteRange(0, MAX_SECONDS),
    metavar="SECONDS",
    help="Close the clients that are connected over so long; without it, over the drain timeout of the server.",
)
def drain(port: int | None, back: bool, over_s: float | None) -> None:
    """Take the server that runs here out of service, or bring it back.

    It says on /ready that it is not ready, so that load balancers lead new clients elsewhere, and its clients are told
    to reconnect, one after the other. Clients that come all the same are served, until it is stopped.
    """
    if back and over_s is not None:
        raise UnusableCommandLine("--over belongs to going out of service, and not to --back")
    sock, server = choose_server(port)
    with sock:
        request_or_exit(sock, ControlRequest("service", is_out=not back, over_s=over_s), REPLY_TIMEOUT_S)
    click.echo(f"The server on port {server.port} is {'back in' if back else 'going out of'} service")
