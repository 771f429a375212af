"""What every verb shares: the flags that choose a configuration, and the way to a Config or out.

    @click.command()
    @config_options
    @config_flags
    def verb(**flags: Any) -> None:
        config = load_or_exit(**flags)

Flags, their help and their names are taken from the declarations of the options.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from revurb.config import SETTINGS, Config, ConfigError, Setting, load

F = TypeVar("F", bound=Callable[..., Any])

# Parameter name of a command -> dotted key of the option: drain_timeout -> server.drain_timeout_s.
FLAG_KEYS: Mapping[str, str] = {
    setting.option.flag.removeprefix("--").replace("-", "_"): setting.key
    for setting in SETTINGS
    if setting.option.flag is not None
}
METAVARS = {"text": "TEXT", "integer": "N", "number": "SECONDS", "switch": "", "list": "TEXT,..."}


def config_options(command: F) -> F:
    """Add `--config PATH` and `--env-file PATH`, parameters `config` and `env_file`."""
    for name, doc in (
        ("--env-file", "Read this instead of .env in the working directory."),
        ("--config", "Read this instead of revurb.toml in the working directory."),
    ):
        command = click.option(name, type=click.Path(path_type=Path), metavar="PATH", help=doc)(command)
    return command


def config_flags(command: F) -> F:
    """Add the flag of each option that has one; the parameter is None if the flag is not given."""
    for setting in reversed(SETTINGS):
        if setting.option.flag is not None:
            command = click.option(setting.option.flag, **_click_option(setting))(command)
    return command


def _click_option(setting: Setting) -> dict[str, Any]:
    default = setting.shown(setting.default)
    default = f"{default:g}" if isinstance(default, float) else default
    notes = [*setting.option.names] + ([] if default in (None, "", False) else [f"default {default}"])
    described = {"default": None, "help": f"{setting.option.doc}  [{'; '.join(notes)}]"}
    if setting.kind == "switch":
        return {**described, "is_flag": True}
    # Values go to `load` as the texts they are: it says what is wrong with one, whatever the source.
    words = "|".join(setting.choices) or "|".join((METAVARS[setting.kind], *setting.option.words))
    return {**described, "metavar": words}


def load_or_exit(
    *,
    config: Path | None = None,
    env_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **flags: object,
) -> Config:
    """The configuration, or its problems on standard error and exit code 2.

    `flags` are named as in commands (`port`) or by dotted key (`server.port`); None is not given. `environ`
    stands in for the environment of the process.
    """
    try:
        return load(flags=dotted(flags), environ=environ, toml_path=config, env_file=env_file)
    except ConfigError as error:
        exit_with_problems(error)


def dotted(flags: Mapping[str, object]) -> dict[str, object]:
    """Flags by the keys of their options, without those that are not given."""
    return {FLAG_KEYS.get(name, name): value for name, value in flags.items() if value is not None}


def exit_with_problems(error: ConfigError) -> NoReturn:
    """Print the problems on standard error, one a line, and exit with 2."""
    click.echo("The configuration cannot be used:", err=True)
    for problem in error.problems:
        click.echo(f"  {problem}", err=True)
    sys.exit(2)
