"""Serves as `revurb serve` was told to, from where its command line is understood. Without click."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from revurb.cli.problems import end_start, end_start_with_problems
from revurb.cli.welcome import print_welcome
from revurb.config import DEV_DEFAULTS, DEV_ENVIRONMENT, App, Config, ConfigError, load, served_dev_app
from revurb.observe.logs import configure_logging
from revurb.observe.printable import escape_lines
from revurb.observe.unblocked_output import protect_output

if TYPE_CHECKING:
    from revurb.processes.invocation import Invocation

_log = logging.getLogger(__name__)


def start_server(
    flags: Mapping[str, object], *, is_dev: bool, config: Path | None, env_file: Path | None
) -> None:
    """Returns when the server has been stopped; exits the process if it cannot run. `flags` are those that were given,
    by the dotted keys of their options: texts, and True for switches."""
    protect_output()
    environ = {**DEV_DEFAULTS, **os.environ, **DEV_ENVIRONMENT} if is_dev else dict(os.environ)
    loaded = _load_or_exit(flags, environ, config, env_file)
    for warning in loaded.warnings:
        if loaded.log.format == "json":
            _log.warning("configuration", extra={"warning": warning})
        else:
            print(escape_lines(f"warning: {warning}"), file=sys.stderr)
    dev_app = served_dev_app(loaded) if is_dev else None  # the secret of any other app is not printed
    # Imported here, so that an invalid configuration is reported without the time that importing the server takes.
    from revurb.processes.cpus import worker_count

    if worker_count(loaded) == 1:
        _serve_single_node(loaded, dev_app)
        return
    from revurb.processes.invocation import Invocation

    texts = {key: "true" if value is True else str(value) for key, value in flags.items()}
    _supervise(Invocation(flags=texts, toml_path=config, env_file=env_file, environ=environ), loaded, dev_app)


def _load_or_exit(
    flags: Mapping[str, object], environ: dict[str, str], config: Path | None, env_file: Path | None
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
    from revurb.processes.start_signals import obey_by_unwinding

    obey_by_unwinding()
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
