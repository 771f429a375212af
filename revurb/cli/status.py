"""`revurb status`: prints the servers of this host, or the nodes of the cluster, with their state."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec
from rich.table import Table

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.local_servers import find_servers, port_option
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.progress import waiting
from revurb.cli.tables import cell, print_table
from revurb.config import Config
from revurb.config.normalization import shown_addresses
from revurb.node.cluster_status import NodeStatus
from revurb.observe.printable import escape_unprintable
from revurb.processes.control_socket import ServerStatus

HIGH_LAG_MS = 1000.0  # on a local network it is 1 or 2
EXIT_DEGRADED = 3
COLOURS = {"ready": "green", "blocked": "red", "waiting": "red"}


@click.command(epilog=examples("status"))
@port_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one for each server.")
@click.option("--cluster", is_flag=True, help="Show the nodes of all hosts that share the configured Redis.")
@config_options
def status(port: int | None, as_json: bool, cluster: bool, **flags: Any) -> None:
    """Show the servers that run here.

    A table of its processes, connections and restarts for each. Exits with 1 if there is none, and with 3 if a process
    is cut off from the others.
    """
    if cluster and port is not None:
        raise UnusableCommandLine("--port is of a server on this host; with --cluster, all nodes are shown")
    if cluster:
        _print_cluster(load_or_exit(**flags), as_json)
        return
    servers = [server for _, server in find_servers(port, **flags)]
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(servers), indent=2))
    else:
        for number, server in enumerate(servers):
            if number:
                click.echo()
            _print_server(server)
    if any(process.bus for server in servers for process in server.processes):
        sys.exit(EXIT_DEGRADED)


def _print_cluster(config: Config, as_json: bool) -> None:
    if not config.scaling.enabled:
        click.echo("revurb: there is no cluster: scaling is off (REVERB_SCALING_ENABLED)", err=True)
        sys.exit(1)
    from revurb.node.cluster_survey import survey_cluster

    try:
        with waiting("asking the nodes"):
            nodes = asyncio.run(survey_cluster(config))
    except TimeoutError as error:
        click.echo(
            f"revurb: the cluster cannot be asked: {escape_unprintable(str(error))}; try revurb doctor",
            err=True,
        )
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(nodes), indent=2))
        return
    click.echo(cluster_summary(nodes))
    print_table(cluster_table(nodes))


def cluster_summary(nodes: Sequence[NodeStatus]) -> str:
    """The first line of `revurb status --cluster`. The connections are those of Revurb nodes."""
    hosts = {node.host for node in nodes}
    connections = format_count(sum(node.connections for node in nodes), "connection")
    processes = format_count(len(nodes), "process", "processes")
    php_nodes = max((node.php_nodes or 0 for node in nodes), default=0)
    beside = f", beside {format_count(php_nodes, 'PHP Reverb node')}" if php_nodes else ""
    return f"{processes} on {format_count(len(hosts), 'host')}, {connections}{beside}"


def cluster_table(nodes: Sequence[NodeStatus]) -> Table:
    """The table of `revurb status --cluster`: a row for each node."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Host", "Pid", "State", "Uptime"):
        table.add_column(heading, justify="right" if heading == "Pid" else "left")
    for heading in ("Connections", "Topics", "Lag", "Waiting", "Lost", "Invalid"):
        table.add_column(heading, justify="right")
    table.add_column("Version")
    for node in nodes:
        table.add_row(
            cell(node.host),
            str(node.pid),
            cell(node.state, COLOURS.get(node.state, "yellow")),
            format_duration(node.uptime_s),
            str(node.connections),
            _format_number(node.topics),
            cell(format_lag(node.lag_ms), "yellow" if (node.lag_ms or 0) > HIGH_LAG_MS else ""),
            _format_number(node.waiting),
            cell(_format_number(node.lost), "red" if node.lost else ""),
            cell(_format_number(node.invalid), "red" if node.invalid else ""),
            cell(node.version),
        )
    return table


def format_lag(milliseconds: float | None) -> str:
    """Such as "0.4 ms", "31 ms" or "2.5 s"; "-" for None."""
    if milliseconds is None:
        return "-"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.{0 if milliseconds >= 10 else 1}f} ms"


def _format_number(count: int | None) -> str:
    return "-" if count is None else str(count)


def _print_server(server: ServerStatus) -> None:
    connections = sum(process.connections for process in server.processes)
    click.echo(
        escape_unprintable(
            f"Revurb {server.version} on {shown_addresses(server.host, server.port)}, pid {server.pid}: "
            f"{server.state}, up {format_duration(server.uptime_s)}, {format_count(connections, 'connection')}"
        )
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("Process", "Pid", "State", "Bus", "Uptime", "Connections", "Restarts"):
        table.add_column(
            heading, justify="right" if heading in ("Pid", "Connections", "Restarts") else "left"
        )
    for process in server.processes:
        colour = COLOURS.get(process.state, "yellow")
        table.add_row(
            cell(process.process),
            "-" if process.pid is None else str(process.pid),
            cell(process.state, colour),
            "-" if process.bus is None else cell(process.bus, "red") if process.bus else "ok",
            format_duration(process.uptime_s),
            str(process.connections),
            str(process.restarts),
        )
    print_table(table)
    if server.lines_dropped:
        click.echo(
            f"{format_count(server.lines_dropped, 'line')} of its output dropped: it could not be written"
        )


def format_count(count: int, one: str, many: str | None = None) -> str:
    """Such as "1 host" or "2 hosts"."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def format_duration(seconds: float) -> str:
    """Such as "5s", "3m 5s", "2h 3m" or "4d 2h"."""
    remaining = int(seconds)
    parts: list[str] = []
    for name, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, remaining = divmod(remaining, length)
        if count or parts or name == "s":
            parts.append(f"{count}{name}")
    return " ".join(parts[:2])
