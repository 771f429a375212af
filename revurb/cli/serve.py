"""`revurb serve`: run a node until it is told to stop."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from revurb.cli.options import config_flags, config_options, exit_with_problems, load_or_exit
from revurb.cli.welcome import say_welcome
from revurb.config import ConfigError

# The ready-made app of --dev, in place of any other in the environment or in .env. Its secret is no secret, so
# --dev listens on loopback unless --host says otherwise. The id is a number: the Python SDK takes no other.
DEV_ENVIRONMENT = {
    "REVERB_SERVER_HOST": "127.0.0.1",
    "REVERB_APP_ID": "1",
    "REVERB_APP_KEY": "key1",
    "REVERB_APP_SECRET": "secret1",
}


@click.command()
@config_options
@config_flags
@click.option(
    "--dev", is_flag=True, help="Serve a ready-made app on 127.0.0.1 and print lines to copy into clients."
)
def serve(dev: bool, **flags: Any) -> None:
    """Run a node until it is told to stop.

    SIGTERM or Ctrl-C: requests in flight are finished, clients are told to reconnect, exit code 0; a second one
    ends at once. SIGHUP: the TLS certificate is read again.
    """
    config = load_or_exit(environ={**os.environ, **DEV_ENVIRONMENT} if dev else None, **flags)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    # An app of the user's own keeps its secret, also with --dev.
    secret = DEV_ENVIRONMENT["REVERB_APP_SECRET"]
    ready_made = next((app for app in config.apps if dev and app.secret == secret), None)
    # Loaded here, so that a wrong configuration is told without waiting for the server's code.
    from revurb.server.process import StartError, run

    try:
        run(config, lambda node: say_welcome(config, node.port, tuple(node.apps.all()), ready_made))
    except ConfigError as error:
        exit_with_problems(error)
    except StartError as error:
        click.echo(f"revurb: {error}", err=True)
        sys.exit(1)
