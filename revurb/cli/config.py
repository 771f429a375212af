"""`revurb config`: shows, checks and documents the configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.table import Table

from revurb.cli.examples import examples
from revurb.cli.exit_codes import UNUSABLE
from revurb.cli.options import (
    config_flags,
    config_options,
    load_with_dev_app,
)
from revurb.cli.problems import exit_with_problems
from revurb.cli.tables import cell, print_table
from revurb.config import (
    Config,
    ConfigError,
    OptionRow,
    PartialConfigError,
    option_rows,
)
from revurb.config.reference import reference
from revurb.observe.printable import escape_json, escape_lines


@click.group(epilog=examples("config"))
def config() -> None:
    """Show, check or describe the configuration."""


@config.command(epilog=examples("config show"))
@config_options
@config_flags(hidden=True)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='Print {"server.port": {"value": 8080, "source": "default"}, ...}.',
)
def show(as_json: bool, **flags: Any) -> None:
    """Print every option with its value and where that came from.

    Takes the flags of serve as well (revurb serve --help lists them), and shows what they would do. Secrets are
    masked. What is not usable is shown too: then the problems are on standard error, and the exit code is 2.
    """
    failure: ConfigError | None = None
    try:
        listed = list(option_rows(load_with_dev_app(**flags)))
    except PartialConfigError as error:
        failure, listed = error, list(option_rows(error.usable, error.rejected))
    if as_json:
        _print_json(listed)
    else:
        _print_table(listed)
    if failure is not None:
        exit_with_problems(failure)


def _print_json(listed: Sequence[OptionRow]) -> None:
    values = {
        row.key: {"value": row.value, "source": row.source, **({} if row.is_usable else {"usable": False})}
        for row in listed
    }
    text = json.dumps(values, indent=2, ensure_ascii=False)
    click.echo("\n".join(map(escape_json, text.split("\n"))))


def _print_table(listed: Sequence[OptionRow]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("Key", "Value", "Source"):
        table.add_column(heading, overflow="fold")
    for row in listed:
        style = "red" if not row.is_usable else "" if row.source == "default" else "bold"
        source = row.source if row.is_usable else f"{row.source}: not usable"
        table.add_row(
            cell(row.key),
            cell(_formatted(row.value), style),
            cell(source, style if not row.is_usable else "" if style else "dim"),
        )
    print_table(table)


def _formatted(value: object) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value) if value != "" else '""'


@config.command(epilog=examples("config check"))
@config_options
@config_flags(hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print an object: is_usable, problems and warnings.")
def check(as_json: bool, **flags: Any) -> None:
    """Say ok, or everything that is wrong.

    Exits with 2 if anything is. Warnings are printed and do not matter to the exit code. Takes the flags of serve as
    well (revurb serve --help lists them).
    """
    warnings: Sequence[str] = ()
    try:
        loaded = load_with_dev_app(**flags)
        warnings = loaded.warnings
        _try_out(loaded)
    except ConfigError as error:
        if not as_json:
            _print_warnings(warnings)
            exit_with_problems(error)
        _print_check(error.problems, warnings)
        sys.exit(UNUSABLE)
    if as_json:
        _print_check((), warnings)
    else:
        _print_warnings(warnings)
        click.echo("ok")


def _try_out(loaded: Config) -> None:
    """Load what is code of the user's own. Raises ConfigError."""
    if loaded.looks_up_apps:
        from revurb.node.app_source import app_source  # takes a tenth of a second

        app_source(loaded)
    if loaded.hooks.classes is not None:
        from revurb.node.hook_loading import configured_hooks  # as above

        configured_hooks(loaded)


def _print_warnings(warnings: Sequence[str]) -> None:
    for warning in warnings:
        click.echo(escape_lines(f"warning: {warning}"), err=True)


def _print_check(problems: Sequence[str], warnings: Sequence[str]) -> None:
    row = {"is_usable": not problems, "problems": list(problems), "warnings": list(warnings)}
    click.echo(escape_json(json.dumps(row, ensure_ascii=False)))


@config.command(epilog=examples("config docs"))
def docs() -> None:
    """Print the reference of all options as Markdown."""
    click.echo(reference(), nl=False)
