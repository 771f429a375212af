"""Shared by all commands: the flags of the configuration, and `load_or_exit`.

    @click.command()
    @config_options
    @config_flags()
    def command(**flags: Any) -> None:
        config = load_or_exit(**flags)

Flags, their help and their names are taken from the declarations of the options.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from revurb.cli.problems import exit_with_problems
from revurb.config import SETTINGS, Config, ConfigError, Setting, load

F = TypeVar("F", bound=Callable[..., Any])

# Parameter name of a command -> dotted key of the option: drain_timeout -> server.drain_timeout_s.
FLAG_KEYS: Mapping[str, str] = {
    setting.option.flag.removeprefix("--").replace("-", "_"): setting.key
    for setting in SETTINGS
    if setting.option.flag is not None
}
DEV_REPLY_TIMEOUT_S = 5.0
MAX_SECONDS = 86_400.0  # of what a command waits for
METAVARS = {"text": "TEXT", "integer": "N", "number": "SECONDS", "boolean": "", "list": "TEXT,..."}


class FiniteRange(click.FloatRange):
    """A number in a range. click's own takes "nan" as well, which is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


def config_options(command: F) -> F:
    """Adds `--config PATH` and `--env-file PATH` to a command, as parameters `config` and `env_file`."""
    for name, doc in (
        ("--env-file", "Read this instead of .env in the working directory."),
        ("--config", "Read this instead of revurb.toml in the working directory."),
    ):
        command = click.option(name, type=click.Path(path_type=Path), metavar="PATH", help=doc)(command)
    return command


def config_flags(*, hidden: bool = False) -> Callable[[F], F]:
    """Adds the flag of each option that has one; the parameter is None if the flag is not given. With `hidden`,
    `--help` does not list them."""

    def add(command: F) -> F:
        for setting in reversed(SETTINGS):
            if setting.option.flag is not None:
                flag = click.option(setting.option.flag, **_click_option(setting), hidden=hidden)
                command = flag(command)
        return command

    return add


def _click_option(setting: Setting) -> dict[str, Any]:
    default = setting.printable(setting.default)
    default = f"{default:g}" if isinstance(default, float) else default
    notes = [*setting.option.names] + ([] if default in (None, "", False) else [f"default {default}"])
    described = {"default": None, "help": f"{setting.option.doc}  [{'; '.join(notes)}]"}
    if setting.kind == "boolean":
        return {**described, "is_flag": True}
    # Values go to `load` as texts; it reports invalid ones, as it does for every source.
    metavar = "|".join(setting.choices) or "|".join((METAVARS[setting.kind], *setting.option.keywords))
    return {**described, "metavar": metavar}


def load_or_exit(
    *,
    config: Path | None = None,
    env_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **flags: object,
) -> Config:
    """Returns what `load_with_dev_app` does, or prints the problems on standard error and exits with 2."""
    try:
        return load_with_dev_app(config=config, env_file=env_file, environ=environ, **flags)
    except ConfigError as error:
        exit_with_problems(error)


def load_with_dev_app(
    *,
    config: Path | None = None,
    env_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **flags: object,
) -> Config:
    """Returns the configuration. Raises ConfigError.

    Names of `flags` are parameters of commands (`port`) or dotted keys (`server.port`); a value of None is ignored.
    `environ` replaces the environment of the process. Where no app is configured, it is the one of `revurb serve --dev`
    if that runs here.
    """
    named: dict[str, Any] = {"flags": flags_by_key(flags), "toml_path": config, "env_file": env_file}
    try:
        return load(environ=environ, **named)
    except ConfigError as error:
        dev_environ = find_dev_environment() if error.no_apps else None
        if dev_environ is None:
            raise
    found = load(environ={**(os.environ if environ is None else environ), **dev_environ}, **named)
    note = f"no app is configured here: taking that of revurb serve --dev on port {found.server.port}"
    click.echo(f"revurb: {note}", err=True)
    return found


def find_dev_environment() -> dict[str, str] | None:
    """The environment of the server on this host that serves the ready-made app: with the configured port if there is
    one, otherwise the first; None if none runs."""
    # Takes a tenth of a second, which most commands do not need.
    from revurb.processes.control_socket import ControlRequest, send_control_request
    from revurb.processes.runtime_dir import control_sockets

    found: list[dict[str, str]] = []
    for _, sock in control_sockets(os.environ.get("REVURB_RUNTIME_DIR") or None):
        with sock, contextlib.suppress(OSError, ValueError):
            status = send_control_request(sock, ControlRequest("status"), DEV_REPLY_TIMEOUT_S).status
            if status is not None and status.dev_environment is not None:
                found.append(status.dev_environment)
    wanted = os.environ.get("REVERB_SERVER_PORT", "8080")
    found.sort(key=lambda environ: environ["REVERB_SERVER_PORT"] != wanted)  # the wanted one first
    return found[0] if found else None


def flags_by_key(flags: Mapping[str, object]) -> dict[str, object]:
    """Returns the flags that are given, by the dotted keys of their options."""
    return {FLAG_KEYS.get(name, name): value for name, value in flags.items() if value is not None}
