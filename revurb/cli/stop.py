"""`revurb stop`: stops a server as SIGTERM does, found by its control socket instead of its pid."""

from __future__ import annotations

import sys

import click

from revurb.cli.examples import examples
from revurb.cli.local_servers import REPLY_TIMEOUT_S, choose_server, port_option, request_or_exit
from revurb.cli.progress import waiting
from revurb.processes.control_socket import ControlRequest


@click.command(epilog=examples("stop"))
@port_option
@click.option("--now", is_flag=True, help="Do not wait for clients to leave.")
def stop(port: int | None, now: bool) -> None:
    """Stop the server that runs here.

    Requests in flight are finished and clients are told to reconnect, over the drain timeout of the server. Returns
    when it has ended.
    """
    sock, server = choose_server(port)
    with sock:
        request_or_exit(sock, ControlRequest("stop", now), REPLY_TIMEOUT_S)
        click.echo(f"Stopping the server on port {server.port}, pid {server.pid}")
        sock.settimeout(None)
        try:
            with waiting("its clients move over"):
                sock.recv(1)  # the server closes the connection when it has ended
        except OSError:
            pass
        except KeyboardInterrupt:
            click.echo("revurb: it goes on stopping", err=True)
            sys.exit(130)
    click.echo("Stopped")
