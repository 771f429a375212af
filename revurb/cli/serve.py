"""`revurb serve`: runs a server, as one process or as a supervisor with workers."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from revurb.cli.examples import examples
from revurb.cli.options import config_flags, config_options, exit_with_problems, flags_by_key
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
        _exit_with_problems(error, error.log_format)
    if loaded.log.format == "json":
        configure_logging("json", loaded.log.level)
    return loaded


def _exit_with_problems(error: ConfigError, log_format: str) -> NoReturn:
    if log_format != "json":
        exit_with_problems(error)
    configure_logging("json", "info")
    for problem in error.problems:
        _log.error("the configuration cannot be used", extra={"problem": problem})
    sys.exit(2)


def _serve_single_node(config: Config, dev_app: App | None) -> None:
    from revurb.processes.single_node import StartError, run_single_node

    try:
        run_single_node(
            config, lambda node: print_welcome(config, node.port, tuple(node.apps.all()), dev_app)
        )
    except ConfigError as error:
        _exit_with_problems(error, config.log.format)
    except StartError as error:
        _exit(str(error), config)


def _supervise(invocation: Invocation, config: Config, dev_app: App | None) -> None:
    from revurb.processes.giving_up import GaveUp
    from revurb.processes.supervised_server import supervise

    try:
        supervise(invocation, config, lambda port: print_welcome(config, port, config.apps, dev_app))
    except GaveUp as error:
        if error.configuration:
            _exit_with_problems(ConfigError(error.problems), config.log.format)
        _exit(str(error), config)


def _exit(reason: str, config: Config) -> NoReturn:
    if config.log.format == "json":
        _log.error("the server cannot run", extra={"reason": reason})
    else:
        click.echo(escape_lines(f"revurb: {reason}"), err=True)
    sys.exit(1)
