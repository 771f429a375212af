"""`revurb doctor`: prints the findings of an examination, with advice."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from revurb.cli.examples import examples
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.problems import exit_with_problems
from revurb.cli.progress import waiting
from revurb.cli.tables import cell, print_table
from revurb.config import ConfigError
from revurb.observe.printable import escape_json, escape_lines

if TYPE_CHECKING:
    from revurb.doctor.finding import Finding

COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


@click.command(epilog=examples("doctor"))
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one for each finding.")
@config_options
def doctor(as_json: bool, **flags: Any) -> None:
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
        with waiting("looking and asking"):
            findings = run_examination(config)
    except ConfigError as error:
        exit_with_problems(error)
    if as_json:
        rows = [dataclasses.asdict(finding) for finding in findings]
        text = json.dumps(rows, indent=2, ensure_ascii=False)
        click.echo("\n".join(map(escape_json, text.split("\n"))))
    else:
        _print_findings(findings)
    if any(finding.mark == "wrong" for finding in findings):
        sys.exit(1)


def _print_findings(findings: Sequence[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        table.add_row(
            cell(finding.mark, COLOURS[finding.mark]), cell(finding.subject), cell(finding.observation)
        )
        if finding.mark != "ok" and finding.advice:
            table.add_row("", "", cell(f"-> {finding.advice}"))
    print_table(table)
