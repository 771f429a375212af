"""`revurb import`: makes a `revurb.toml` of Laravel's `config/reverb.php`."""

from __future__ import annotations

from pathlib import Path

import click

from revurb.cli.examples import examples
from revurb.cli.new_file import write_new_file
from revurb.cli.problems import exit_with_problems
from revurb.config import ConfigError, import_reverb_php
from revurb.observe.printable import escape_lines


@click.command("import", epilog=examples("import"))
@click.argument("file", type=click.Path(path_type=Path), default=Path("config/reverb.php"))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("revurb.toml"),
    metavar="PATH",
    help="File to write, by default revurb.toml; - prints it.",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Read this instead of .env in the working directory.",
)
def import_config(file: Path, output: Path, force: bool, env_file: Path | None) -> None:
    """Make a revurb.toml of Laravel's config/reverb.php.

    What comes from the environment goes on coming from there; the file gets what config/reverb.php itself sets, such as
    allowed origins and further apps. PHP is not run: what is no plain value is left out, and said.
    """
    try:
        imported = import_reverb_php(file, env_file=env_file)
    except ConfigError as error:
        exit_with_problems(error)
    for note in imported.notes:
        click.echo(escape_lines(f"warning: not taken over: {note}"), err=True)
    if str(output) == "-":
        click.echo(imported.toml, nl=False)
        return
    write_new_file(output, imported.toml, is_forced=force)  # it may have secrets
    click.echo(escape_lines(f"Wrote {output}; revurb config show lists what is in force"))
