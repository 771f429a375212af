"""`revurb init`: writes the first configuration of a project, with an app that has new keys."""

from __future__ import annotations

from pathlib import Path

import click

from revurb.cli.examples import examples
from revurb.cli.new_file import write_new_file
from revurb.config import SETTINGS, laravel_env, new_app, starter_toml
from revurb.observe.printable import escape_lines

TOML, STDOUT = Path("revurb.toml"), Path("-")
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
@click.option(
    "--host", default="localhost", show_default=True, metavar="TEXT", help="With --env: where the server is."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="With --env: its port, by default 8080."
)
@click.option("--tls", is_flag=True, help="With --env: it is reached with TLS.")
def init(output: Path | None, force: bool, as_env: bool, host: str, port: int | None, tls: bool) -> None:
    """Write a revurb.toml with a new app, its key and its secret, and every option in a comment.

    Only the owner may read the file, as it has a secret. Nothing that is there is replaced without --force. With --env,
    the lines are printed that a Laravel project has in its .env; a server in its folder reads them as well.
    """
    app = new_app()
    text = laravel_env(app, host, port or PORT, tls=tls) + "\n" if as_env else starter_toml(app)
    path = output or (STDOUT if as_env else TOML)
    if path == STDOUT:
        click.echo(text, nl=False)
        return
    write_new_file(path, text, is_forced=force)
    files = "" if path.name in (".env", "revurb.toml") else f" --{'env-file' if as_env else 'config'} {path}"
    click.echo(
        escape_lines(
            f"Wrote {path}: app {app.id} with the key {app.key}, and its secret.\n"
            f"Start the server, then listen and send in two other terminals:\n"
            f"  revurb serve{files}\n"
            f"  revurb listen orders{files}\n"
            f"  revurb trigger orders created '{{\"id\":7}}'{files}"
        )
    )
