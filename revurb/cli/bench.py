"""`revurb bench`: measures a server of one's own, and says when the generator was the limit."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.table import Table

from revurb.bench.bench_report import HEADINGS, BenchReport, notes_of, row_texts
from revurb.bench.bench_row import BenchRow
from revurb.bench.bench_run import SCENARIOS, BenchPlan, BenchRun
from revurb.bench.bench_target import BenchError, BenchTarget
from revurb.cli.advice import with_advice
from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.exit_codes import DEGRADED
from revurb.cli.given_text import secret_of_file
from revurb.cli.new_file import EVERYBODY, check_writable, write_new_file
from revurb.cli.options import FiniteRange, config_options, load_or_exit
from revurb.cli.tables import cell, print_table
from revurb.cli.target import NodeAddress, address_of, choose_app
from revurb.config import App, Config
from revurb.observe.printable import escape_unprintable

MAX_CONNECTIONS, MAX_SECONDS = 20_000, 60.0
FILES_BESIDE = 64  # descriptors that are not connections
PLAN = BenchPlan(tuple(SCENARIOS))
FILE = click.Path(path_type=Path, allow_dash=True)
F = TypeVar("F", bound=Callable[..., Any])


def _amount(flag: str, name: str, type: click.ParamType[Any], metavar: str, help: str) -> Callable[[F], F]:
    """An option of the plan, with its default."""
    default = getattr(PLAN, name)
    return click.option(flag, name, type=type, default=default, show_default=True, metavar=metavar, help=help)


@click.command(epilog=examples("bench"))
@click.argument("scenarios", metavar="[SCENARIO...]", nargs=-1)
@click.option("--url", help="Server to measure, instead of the configured one on this host.")
@click.option("--app", "app_id", metavar="ID", help="App to measure with, if there are several.")
@click.option(
    "--key", metavar="TEXT", help="Key of an app that is not configured here; needs --secret-file and --app."
)
@click.option(
    "--secret-file", type=FILE, metavar="PATH", help="File with the secret of that app; - is stdin."
)
@_amount("--seconds", "seconds", FiniteRange(0.5, MAX_SECONDS), "N", "For each scenario.")
@_amount("--connections", "connections", click.IntRange(1, MAX_CONNECTIONS), "N", "Clients at a time.")
@_amount("--rate", "rate", FiniteRange(1, 5000), "N", "Events a second of the scenario latency.")
@_amount("--size", "size_bytes", click.IntRange(1, 100_000), "BYTES", "Data of an event.")
@_amount("--window", "window", click.IntRange(1, 64), "N", "Events in flight.")
@click.option(
    "--json", "json_file", type=FILE, metavar="FILE", help="Write the figures; - prints them, and no table."
)
@click.option(
    "--png", "png_file", type=FILE, metavar="FILE", help="Draw them; needs matplotlib (revurb[bench])."
)
@click.option("--html", "html_file", type=FILE, metavar="FILE", help="Write a page of figures and picture.")
@config_options
def bench(
    scenarios: tuple[str, ...], url: str | None, app_id: str | None, key: str | None, secret_file: Path | None,
    json_file: Path | None, png_file: Path | None, html_file: Path | None, config: Path | None,
    env_file: Path | None, **amounts: Any,
) -> None:  # fmt: skip
    """Measure a server: connect, delivery, publish, client-events, latency, or those that are named.

    It is put under load for so many --seconds each, with at most so many --connections: use it where that hurts nobody.
    A row is void where the generator was the limit, since it measures itself then: a server that does more needs a
    generator on another machine, or several. CPU time and memory are those of a server of this host. Exits with 3 if a
    row is void.
    """
    unknown = [name for name in scenarios if name not in SCENARIOS]
    if unknown:
        raise UnusableCommandLine(f"SCENARIO: found {unknown[0]!r}; allowed: {', '.join(SCENARIOS)}")
    if png_file is not None:
        from revurb.bench.bench_plot import MISSING, can_plot

        if not can_plot():
            raise click.ClickException(MISSING)
    for name, path in (("--png", png_file), ("--html", html_file), ("--json", json_file)):
        if str(path) == "-" and name != "--json":
            raise UnusableCommandLine(f"{name}: found '-'; allowed: the name of a file")
        if path is not None and str(path) != "-":
            check_writable(path)  # before minutes are spent
    address, app = _whom(url, app_id, key, secret_file, config, env_file)
    plan = BenchPlan(scenarios or tuple(SCENARIOS), **amounts)
    _raise_file_limit(plan.connections)
    pids = _pids(address) if _is_local(address.host) else ()
    where = (address.host, address.port, app, address.path, address.tls, address.header)
    target = BenchTarget(*where, pids)
    at = time.strftime("%Y-%m-%d %H:%M")
    try:
        with _progress(plan) as on_progress:
            rows = _measured(target, plan, on_progress)
    except BenchError as error:
        raise click.ClickException(with_advice(escape_unprintable(str(error)))) from None
    report = BenchReport(address.url("http"), at, plan, rows)
    if str(json_file) == "-":
        click.echo(report.to_json(), nl=False)
    else:
        _print(rows)
    _write(report, None if str(json_file) == "-" else json_file, png_file, html_file)
    if any(row.void for row in rows):
        sys.exit(DEGRADED)


def _whom(
    url: str | None,
    app_id: str | None,
    key: str | None,
    secret_file: Path | None,
    config: Path | None,
    env_file: Path | None,
) -> tuple[NodeAddress, App]:
    if (key is None) != (secret_file is None) or (key is not None and app_id is None):
        raise UnusableCommandLine("--key, --secret-file and --app are given together, or none but --app")
    if key is None or secret_file is None or app_id is None:
        loaded: Config = load_or_exit(config=config, env_file=env_file)
        return address_of(loaded, url), choose_app(loaded, app_id)
    if url is None:
        raise UnusableCommandLine("--key is of an app of another server: name that with --url")
    try:
        secret = secret_of_file("--secret-file", secret_file, "a secret in UTF-8", encoding="utf-8")
        return address_of(Config(), url), App(id=app_id, key=key, secret=secret)
    except ValueError as error:  # never shows a secret
        raise UnusableCommandLine(f"--app, --key, --secret-file: {error}") from None


def _measured(
    target: BenchTarget, plan: BenchPlan, on_progress: Callable[[str, float], None]
) -> list[BenchRow]:
    async def run() -> list[BenchRow]:
        return [row async for row in BenchRun(target, plan, on_progress).rows()]

    import uvloop  # takes as long as all else

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@contextlib.contextmanager
def _progress(plan: BenchPlan) -> Iterator[Callable[[str, float], None]]:
    """A bar for each scenario on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda name, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as progress:
        tasks = {name: progress.add_task(name, total=1.0, start=False) for name in plan.scenarios}

        def on_progress(name: str, share: float) -> None:
            if share == 0.0:
                progress.start_task(tasks[name])
            progress.update(tasks[name], completed=share)

        yield on_progress


def _print(rows: Sequence[BenchRow]) -> None:
    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        style = "yellow" if row.void else ""
        table.add_row(*(cell(text, style) for text in row_texts(row)))
    print_table(table)
    for row, _, text in notes_of(rows):
        click.echo(escape_unprintable(f"{row.title}: {'void, ' if row.void == text else ''}{text}"))


def _write(
    report: BenchReport, json_file: Path | None, png_file: Path | None, html_file: Path | None
) -> None:
    written = []
    if json_file is not None:
        written.append((json_file, report.to_json().encode()))
    if html_file is not None:
        written.append((html_file, report.to_html().encode()))
    if png_file is not None:
        from revurb.bench.bench_plot import plot_png

        written.append((png_file, plot_png(report)))
    for path, content in written:
        write_new_file(path, content, is_forced=True, mode=EVERYBODY)
        click.echo(escape_unprintable(f"Wrote {path}"), err=True)


def _raise_file_limit(connections: int) -> None:
    from revurb.processes.open_files import raise_open_files_limit

    limit = raise_open_files_limit()
    if limit < connections + FILES_BESIDE:
        raise UnusableCommandLine(
            f"--connections: found {connections}, but this process may open {limit} files; allowed: at most "
            f"{max(1, limit - FILES_BESIDE)}, or raise the limit (ulimit -n)"
        )


def _is_local(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    with contextlib.suppress(OSError, UnicodeError):
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    return False


def _pids(address: NodeAddress) -> tuple[int, ...]:
    """The processes of the server on that port, if it is a Revurb of this host whose control socket is found."""
    from revurb.cli.local_servers import find_servers

    try:
        servers = find_servers(address.port)
    except click.ClickException:
        return ()
    pids = [(status.pid, *(row.pid for row in status.processes)) for _, status in servers]
    return tuple(dict.fromkeys(pid for some in pids for pid in some if pid is not None))
