"""`revurb stop`: what SIGTERM does, for whoever does not know the pid."""

from __future__ import annotations

import sys

import click

from revurb.cli.local_servers import ANSWER_S, port_option, request, the_one
from revurb.processes.control_socket import ControlRequest


@click.command()
@port_option
@click.option("--now", is_flag=True, help="Do not wait for clients to leave.")
def stop(port: int | None, now: bool) -> None:
    """Stop the server that runs here.

    Requests in flight are finished and clients are told to reconnect, over the drain timeout of the server. Returns
    when it has ended.
    """
    sock, server = the_one(port)
    with sock:
        request(sock, ControlRequest("stop", now), ANSWER_S)
        click.echo(f"Stopping the server on port {server.port}, pid {server.pid}")
        sock.settimeout(None)
        try:
            sock.recv(1)  # the end of the connection is that of the server
        except OSError:
            pass
        except KeyboardInterrupt:
            click.echo("revurb: it goes on stopping", err=True)
            sys.exit(130)
    click.echo("Stopped")
