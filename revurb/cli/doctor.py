"""`revurb doctor`: prints the findings of an examination, with advice."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.table import Table

from revurb.cli.examples import examples
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.problems import exit_with_problems
from revurb.cli.tables import cell, print_table
from revurb.config import ConfigError
from revurb.observe.printable import escape_lines

COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


@click.command(epilog=examples("doctor"))
@config_options
def doctor(**flags: Any) -> None:
    """Check the settings, this host and Redis; find the other nodes.

    On this host: the port, the server that runs, the certificate, limits of the system, and who may connect. Targets of
    webhooks get a request without events. The other nodes are asked how they are. Looks and asks, and writes one key
    that is gone after a second. Exits with 1 if something is wrong, with 2 if the settings are.
    """
    config = load_or_exit(**flags)
    for warning in config.warnings:
        click.echo(escape_lines(f"warning: {warning}"), err=True)
    from revurb.doctor.examination import run_examination

    try:
        findings = run_examination(config)
    except ConfigError as error:
        exit_with_problems(error)
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        table.add_row(
            cell(finding.mark, COLOURS[finding.mark]), cell(finding.subject), cell(finding.observation)
        )
        if finding.mark != "ok" and finding.advice:
            table.add_row("", "", cell(f"-> {finding.advice}"))
    print_table(table)
    if any(finding.mark == "wrong" for finding in findings):
        sys.exit(1)
