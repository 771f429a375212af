"""`revurb serve`: runs a server, as one process or as a supervisor with workers."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from revurb.cli.examples import examples
from revurb.cli.options import config_flags, config_options, flags_by_key
from revurb.cli.problems import end_start, end_start_with_problems
from revurb.cli.welcome import print_welcome
from revurb.config import DEV_DEFAULTS, DEV_ENVIRONMENT, App, Config, ConfigError, load, served_dev_app
from revurb.observe.logs import configure_logging
from revurb.observe.printable import escape_lines
from revurb.observe.unblocked_output import protect_output

if TYPE_CHECKING:
    from revurb.processes.invocation import Invocation

_log = logging.getLogger(__name__)


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
    environ = {**DEV_DEFAULTS, **os.environ, **DEV_ENVIRONMENT} if dev else dict(os.environ)
    loaded = _load_or_exit(flags_by_key(flags), environ, config, env_file)
    for warning in loaded.warnings:
        if loaded.log.format == "json":
            _log.warning("configuration", extra={"warning": warning})
        else:
            click.echo(escape_lines(f"warning: {warning}"), err=True)
    dev_app = served_dev_app(loaded) if dev else None  # the secret of any other app is not printed
    # Imported here, so that an invalid configuration is reported without the time that importing the server takes.
    from revurb.processes.cpus import worker_count

    if worker_count(loaded) == 1:
        _serve_single_node(loaded, dev_app)
        return
    from revurb.processes.invocation import Invocation

    texts = {key: "true" if value is True else str(value) for key, value in flags_by_key(flags).items()}
    _supervise(Invocation(flags=texts, toml_path=config, env_file=env_file, environ=environ), loaded, dev_app)


def _load_or_exit(
    flags: dict[str, object], environ: dict[str, str], config: Path | None, env_file: Path | None
) -> Config:
    """The configuration. Its problems are lines of JSON where those were asked for."""
    try:
        loaded = load(flags=flags, environ=environ, toml_path=config, env_file=env_file)
    except ConfigError as error:
        end_start_with_problems(error, error.log_format)
    if loaded.log.format == "json":
        configure_logging("json", loaded.log.level)
    return loaded


def _serve_single_node(config: Config, dev_app: App | None) -> None:
    from revurb.processes.single_node import StartError, run_single_node

    try:
        run_single_node(
            config, lambda node: print_welcome(config, node.port, tuple(node.apps.all()), dev_app)
        )
    except ConfigError as error:
        end_start_with_problems(error, config.log.format)
    except StartError as error:
        end_start(str(error), config.log.format)


def _supervise(invocation: Invocation, config: Config, dev_app: App | None) -> None:
    from revurb.cli.becoming import become_supervisor

    configure_logging(config.log.format, config.log.level)
    become_supervisor(invocation, is_dev=dev_app is not None)
    from revurb.cli.supervise import run_supervisor

    # This process may have threads of others, with locks that they would not open in a fork.
    run_supervisor(invocation, config, dev_app, is_fork_safe=False)
