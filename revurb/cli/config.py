"""`revurb config`: shows, checks and documents the configuration."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from revurb.cli.options import config_flags, config_options, exit_with_problems, load_or_exit
from revurb.config import ConfigError, load_app_provider, option_rows, reference
from revurb.observe.printable import escape_json, escape_lines, escape_unprintable


@click.group()
def config() -> None:
    """Show, check or describe the configuration."""


@config.command()
@config_options
@config_flags
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='Print {"server.port": {"value": 8080, "source": "default"}, ...}.',
)
def show(as_json: bool, **flags: Any) -> None:
    """Print every option with its value and where that came from.

    Takes the flags of serve, and shows what they would do. Secrets are masked.
    """
    listed = list(option_rows(load_or_exit(**flags)))
    if as_json:
        values = {row.key: {"value": row.value, "source": row.source} for row in listed}
        text = json.dumps(values, indent=2, ensure_ascii=False)
        click.echo("\n".join(map(escape_json, text.split("\n"))))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Key", "Value", "Source"):
        table.add_column(heading, overflow="fold")
    for row in listed:
        set_here = "" if row.source == "default" else "bold"
        table.add_row(
            Text(row.key),
            Text(escape_unprintable(_formatted(row.value)), set_here),
            Text(escape_unprintable(row.source), "dim" if not set_here else ""),
        )
    # Output that is no terminal has no width, and a program expects one line for one option.
    Console(width=None if sys.stdout.isatty() else 4096).print(table)


def _formatted(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value) if value != "" else '""'


@config.command()
@config_options
@config_flags
def check(**flags: Any) -> None:
    """Say ok, or everything that is wrong.

    Exits with 2 if anything is. Warnings are printed and do not matter to the exit code.
    """
    loaded = load_or_exit(**flags)
    for warning in loaded.warnings:
        click.echo(escape_lines(f"warning: {warning}"), err=True)
    if loaded.app_provider is not None:
        try:
            load_app_provider(loaded.app_provider)
        except ConfigError as error:
            exit_with_problems(error)
    click.echo("ok")


@config.command()
def docs() -> None:
    """Print the reference of all options as Markdown."""
    click.echo(reference(), nl=False)
