"""`revurb top`: the load of a server on a terminal, process by process, once a second."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.given_text import secret_of_file
from revurb.cli.load_sample import LoadRow, RateMeter, SeenServer
from revurb.cli.load_source import LoadSource, LocalServer
from revurb.cli.load_view import ASCII_BARS, BARS, LoadHistory, headline, json_row, load_table, screen
from revurb.cli.local_servers import choose_one, port_option
from revurb.cli.options import MAX_SECONDS, FiniteRange, config_options
from revurb.cli.tables import print_table
from revurb.cli.target import parse_url
from revurb.observe.printable import escape_json, escape_unprintable

ONCE_S = 0.5  # processes tell their figures once a second
PATIENCE_S = 3.0  # for a rate: a server of an older release has none


@click.command(epilog=examples("top"))
@port_option
@click.option(
    "--url", metavar="URL", help="The admin listener of a server, instead of a server on this host."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="PATH",
    help="File with its admin.token; - is stdin.",
)
@click.option(
    "--interval",
    type=FiniteRange(0.2, MAX_SECONDS),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks.",
)
@click.option("--once", is_flag=True, help="Print one table and end.")
@click.option("--json", "as_json", is_flag=True, help="Print an object for each look, on a line of its own.")
@config_options
def top(
    port: int | None,
    url: str | None,
    token_file: Path | None,
    interval: float,
    once: bool,
    as_json: bool,
    **files: Any,
) -> None:
    """Show the load of a server: connections, deliveries, messages, memory, CPU, and how late its loop is.

    A server of this host needs no configuration for it, one elsewhere an admin listener (REVURB_ADMIN_PORT). On a
    terminal the screen is kept up to date until q or Ctrl-C; elsewhere, or with TERM=dumb, a table is printed
    each time. Rates are those since the look before. The server does something for it only while somebody looks.
    """
    source = _source(port, url, token_file, files)
    try:
        if as_json:
            _run(source, interval, once, lambda *sample: click.echo(_json(*sample)))
        elif once or not sys.stdout.isatty() or Console().is_dumb_terminal:
            _run(source, interval, once, _print_plain)
        else:
            _show(source, interval)
    except KeyboardInterrupt:
        pass  # Ctrl-C ends the command


def _source(port: int | None, url: str | None, token_file: Path | None, files: dict[str, Any]) -> LoadSource:
    if url is None:
        if token_file is not None:
            raise UnusableCommandLine("--token-file is for an admin listener: name it with --url")
        path, _ = choose_one(port, **files)
        return LocalServer(path)
    if port is not None:
        raise UnusableCommandLine("--port is of a server on this host; with --url it is a part of the URL")
    from revurb.cli.admin_source import AdminServer  # and prometheus-client

    address = parse_url(url)
    return AdminServer(
        address,
        None
        if token_file is None
        else secret_of_file("--token-file", token_file, "an admin.token, of ASCII characters"),
    )


Show = Callable[[SeenServer, list[LoadRow], LoadRow], None]


def _run(source: LoadSource, interval_s: float, once: bool, show: Show) -> None:
    """Show each sample from the first one on that has rates."""
    meter, began_at = RateMeter(), time.monotonic()
    meter.rows(source.read())
    while True:
        time.sleep(ONCE_S if once else interval_s)
        now = source.read()
        rows, total = meter.rows(now)
        has_rates = total.deliveries_per_s is not None or time.monotonic() - began_at > PATIENCE_S
        if not once or has_rates:
            show(now, rows, total)
        if once and has_rates:
            return


def _json(server: SeenServer, rows: list[LoadRow], total: LoadRow) -> str:
    return escape_json(json.dumps(json_row(server, rows, total), ensure_ascii=False))


def _print_plain(server: SeenServer, rows: list[LoadRow], total: LoadRow) -> None:
    click.echo(escape_unprintable(headline(server)))
    width = Console().width if sys.stdout.isatty() else None
    print_table(load_table(rows, total, width))
    sys.stdout.flush()


def _show(source: LoadSource, interval_s: float) -> None:
    console = Console()
    bars = BARS if (console.encoding or "").lower().startswith("utf") else ASCII_BARS
    history = LoadHistory()
    meter = RateMeter()
    live = Live(console=console, screen=True, auto_refresh=False)
    with _ended_by_signals(), _single_keys() as pressed, live:
        while True:
            now = source.read()
            rows, total = meter.rows(now)
            history.rows.append(total)
            live.update(screen(now, rows, total, history, bars, console.size), refresh=True)
            if pressed(interval_s) in ("q", "Q"):
                return


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP end it as an error would, so that what it has changed of the terminal is
    put back; then they end the process."""
    ending: list[int] = []

    def end(number: int, frame: object) -> None:
        ending.append(number)
        raise SystemExit

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if ending:
            os.kill(os.getpid(), ending[0])


@contextlib.contextmanager
def _single_keys() -> Iterator[Callable[[float], str]]:
    """Gives what waits so many seconds for a key, and returns it, or "". Keys are not shown, and need no Enter."""
    if not sys.stdin.isatty():

        def wait(timeout_s: float) -> str:
            time.sleep(timeout_s)
            return ""

        yield wait
        return
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def pressed(timeout_s: float) -> str:
        return os.read(fd, 1).decode(errors="replace") if select.select([fd], [], [], timeout_s)[0] else ""

    try:
        tty.setcbreak(fd)
        changed = termios.tcgetattr(fd)
        changed[6][termios.VSUSP] = b"\0"  # Ctrl-Z would leave the shell without a cursor
        termios.tcsetattr(fd, termios.TCSADRAIN, changed)
        yield pressed
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
