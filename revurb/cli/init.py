"""`revurb init`: writes the first configuration of a project, with an app that has new keys."""

from __future__ import annotations

import ipaddress
import re
import shlex
from pathlib import Path

import click

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.new_file import write_new_file
from revurb.config import SETTINGS, ConfigError, laravel_env, load, new_app, starter_toml
from revurb.observe.printable import escape_lines

TOML, STDOUT = Path("revurb.toml"), Path("-")
HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})?")
PORT = next(setting.default for setting in SETTINGS if setting.key == "server.port")


@click.command(epilog=examples("init"))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File to write, by default revurb.toml; - prints it.",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option(
    "--env", "as_env", is_flag=True, help="Print the lines of a Laravel .env instead, or write them."
)
@click.option("--host", metavar="TEXT", help="With --env: the name of the server, by default localhost.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="With --env: its port, by default 8080."
)
@click.option("--tls", is_flag=True, help="With --env: it is reached with TLS.")
def init(
    output: Path | None, force: bool, as_env: bool, host: str | None, port: int | None, tls: bool
) -> None:
    """Write a revurb.toml with a new app, its key and its secret, and every option in a comment.

    Only the owner may read the file, as it has a secret. Nothing that is there is replaced without --force. With --env,
    the lines are printed that a Laravel project has in its .env; a server in its folder reads them as well.
    """
    given = [
        name for name, it in (("--host", host), ("--port", port), ("--tls", tls or None)) if it is not None
    ]
    if given and not as_env:
        raise UnusableCommandLine(f"{given[0]} is for --env: without it, revurb.toml says where to listen")
    if host is not None and not _is_host(host):
        raise UnusableCommandLine(f"--host: found {host!r}; allowed: a host name or an IP address")
    app = new_app()
    text = (
        laravel_env(app, host or "localhost", port or PORT, tls=tls) + "\n" if as_env else starter_toml(app)
    )
    path = output or (STDOUT if as_env else TOML)
    if path == STDOUT:
        click.echo(text, nl=False)
        return
    write_new_file(path, text, is_forced=force)
    is_found = path.resolve() in (Path(".env").resolve(), TOML.resolve())
    files = "" if is_found else f" --{'env-file' if as_env else 'config'} {shlex.quote(str(path))}"
    named = f" --app {app.id}" if _has_other_apps(path, as_env) else ""
    click.echo(
        escape_lines(
            f"Wrote {path}: app {app.id} with the key {app.key}, and its secret.\n"
            f"Start the server, then listen and send in two other terminals:\n"
            f"  revurb serve{files}\n"
            f"  revurb listen orders{named}{files}\n"
            f"  revurb trigger orders created '{{\"id\":7}}'{named}{files}"
        )
    )


def _has_other_apps(path: Path, is_env: bool) -> bool:
    """Whether the configuration has another app besides, such as one of a Laravel project in its `.env`."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        return len((load(env_file=path) if is_env else load(toml_path=path)).apps) > 1
    except ConfigError:  # of which the next command tells
        return False


def _is_host(text: str) -> bool:
    """Whether it is a name or an address, and so nothing that a `.env` would read otherwise."""
    if HOST_NAME.fullmatch(text):
        return True
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))
    except ValueError:
        return False
