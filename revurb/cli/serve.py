"""`revurb serve`: runs a server, as one process or as a supervisor with workers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from revurb.cli.examples import examples
from revurb.cli.options import config_flags, config_options, exit_with_problems, flags_by_key, load_or_exit
from revurb.cli.welcome import print_welcome
from revurb.config import App, Config, ConfigError
from revurb.observe.printable import escape_lines
from revurb.observe.unblocked_output import protect_output

if TYPE_CHECKING:
    from revurb.processes.invocation import Invocation

# The app of --dev, in place of the one in the environment or in .env. Its secret is publicly known, so --dev listens on
# loopback unless --host is given. The id is a number, since the Python SDK accepts no other.
DEV_ENVIRONMENT = {
    "REVERB_SERVER_HOST": "127.0.0.1",
    "REVERB_APP_ID": "1",
    "REVERB_APP_KEY": "key1",
    "REVERB_APP_SECRET": "secret1",
}


@click.command(epilog=examples("serve"))
@config_options
@config_flags()
@click.option(
    "--dev", is_flag=True, help="Serve a ready-made app on 127.0.0.1 and print lines to copy into clients."
)
def serve(dev: bool, config: Path | None, env_file: Path | None, **flags: Any) -> None:
    """Run a server until it is told to stop.

    SIGTERM or Ctrl-C: requests in flight are finished, clients are told to reconnect, exit code 0; a second one
    ends at once. SIGHUP: several workers are replaced by new ones, with the configuration and the code of then; one
    process reads its TLS certificate again.
    """
    protect_output()
    environ = {**os.environ, **DEV_ENVIRONMENT} if dev else dict(os.environ)
    loaded = load_or_exit(config=config, env_file=env_file, environ=environ, **flags)
    for warning in loaded.warnings:
        click.echo(escape_lines(f"warning: {warning}"), err=True)
    # The secret of any other app is not printed, also with --dev.
    secret = DEV_ENVIRONMENT["REVERB_APP_SECRET"]
    dev_app = next((app for app in loaded.apps if dev and app.secret == secret), None)
    # Imported here, so that an invalid configuration is reported without the time that importing the server takes.
    from revurb.processes.cpus import worker_count

    if worker_count(loaded) == 1:
        _serve_single_node(loaded, dev_app)
        return
    from revurb.processes.invocation import Invocation

    texts = {key: "true" if value is True else str(value) for key, value in flags_by_key(flags).items()}
    _supervise(Invocation(flags=texts, toml_path=config, env_file=env_file, environ=environ), loaded, dev_app)


def _serve_single_node(config: Config, dev_app: App | None) -> None:
    from revurb.processes.single_node import StartError, run_single_node

    try:
        run_single_node(
            config, lambda node: print_welcome(config, node.port, tuple(node.apps.all()), dev_app)
        )
    except ConfigError as error:
        exit_with_problems(error)
    except StartError as error:
        _exit(str(error))


def _supervise(invocation: Invocation, config: Config, dev_app: App | None) -> None:
    from revurb.processes.giving_up import GaveUp
    from revurb.processes.supervisor import supervise

    try:
        supervise(invocation, config, lambda port: print_welcome(config, port, config.apps, dev_app))
    except GaveUp as error:
        if error.configuration:
            exit_with_problems(ConfigError(error.problems))
        _exit(str(error))


def _exit(reason: str) -> NoReturn:
    click.echo(escape_lines(f"revurb: {reason}"), err=True)
    sys.exit(1)
