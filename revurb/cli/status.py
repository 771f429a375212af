"""`revurb status`: what runs here, and how it is."""

from __future__ import annotations

import json
import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from revurb.cli.running import port_option, running
from revurb.server.control import Status

COLOURS = {"ready": "green", "blocked": "red", "waiting": "red"}


@click.command()
@port_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one for each server.")
def status(port: int | None, as_json: bool) -> None:
    """Show the servers that run here.

    A table of its processes, connections and restarts for each. Exits with 1 if there is none.
    """
    found = [server for _, server in running(port)]
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
        return
    for number, server in enumerate(found):
        if number:
            click.echo()
        _show(server)


def _show(server: Status) -> None:
    connections = sum(process.connections for process in server.processes)
    click.echo(
        f"Revurb {server.version} on {server.host}:{server.port}, pid {server.pid}: {server.state}, "
        f"up {duration(server.uptime_s)}, {connections} connections"
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("Process", "Pid", "State", "Uptime", "Connections", "Restarts"):
        table.add_column(
            heading, justify="right" if heading in ("Pid", "Connections", "Restarts") else "left"
        )
    for process in server.processes:
        colour = COLOURS.get(process.state, "yellow")
        table.add_row(
            process.process,
            "-" if process.pid is None else str(process.pid),
            f"[{colour}]{process.state}[/{colour}]",
            duration(process.uptime_s),
            str(process.connections),
            str(process.restarts),
        )
    Console(width=None if sys.stdout.isatty() else 4096).print(table)


def duration(seconds: float) -> str:
    """`5s`, `3m 5s`, `2h 3m`, `4d 2h`."""
    left = int(seconds)
    parts: list[str] = []
    for name, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts or name == "s":
            parts.append(f"{count}{name}")
    return " ".join(parts[:2])
