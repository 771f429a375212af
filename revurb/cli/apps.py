"""`revurb apps`: lists apps, changes those that are in a database, and has servers read them again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.table import Table

from revurb.cli.app_rows import listed_apps
from revurb.cli.endings import UnusableCommandLine
from revurb.cli.examples import examples
from revurb.cli.local_servers import port_option, reload_apps
from revurb.cli.options import config_options, load_or_exit
from revurb.cli.tables import cell, print_table
from revurb.config import AppProviderError, Config, new_key, new_secret

if TYPE_CHECKING:
    from revurb.lookup.sql_apps import SqlApps
    from revurb.lookup.sql_table import AppTable

T = TypeVar("T")


@click.group(epilog=examples("apps"))
def apps() -> None:
    """List, add and change apps; have servers read them again.

    Apps are changed here where they are in a database (REVURB_APP_DATABASE). No secret is printed but a new one.
    """


@apps.command("list", epilog=examples("apps list"))
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def list_apps(as_json: bool, **files: Any) -> None:
    """Print the apps, wherever they are, with no secret."""
    rows = listed_apps(load_or_exit(**files))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Id", "Key", "State", "Origins", "Note"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        state = "not usable" if row["problem"] else "enabled" if row["is_enabled"] else "disabled"
        note = row["problem"] or ("two secrets" if row["has_previous_secret"] else "")
        table.add_row(*map(cell, (row["id"], row["key"], state, ", ".join(row["allowed_origins"]), note)))
    print_table(table)


@apps.command(epilog=examples("apps init"))
@config_options
def init(**files: Any) -> None:
    """Make the table of apps in the database, or add to one of soketi's what it lacks."""
    done = _in_table(load_or_exit(**files), lambda table: table.init())
    click.echo("\n".join(done) if done else "The table is there already")


@apps.command(epilog=examples("apps add"))
@click.argument("app_id", metavar="ID")
@click.option("--key", help="Its key; without, one is made up.")
@click.option(
    "--option",
    "given",
    multiple=True,
    metavar="NAME=JSON",
    help="A field of App by its name in Python, such as ping_interval_s=30.",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
@config_options
def add(app_id: str, key: str | None, given: tuple[str, ...], as_json: bool, **files: Any) -> None:
    """Add an app to the database, and print its key and secret: keep it, it is not shown again."""
    config = load_or_exit(**files)
    key, secret = key or new_key(), new_secret()
    options = _options(given)
    _in_table(config, lambda table: table.add(app_id, key, secret, options))
    row = {"id": app_id, "key": key, "secret": secret}
    click.echo(json.dumps(row) if as_json else "\n".join(f"{name} {value}" for name, value in row.items()))
    reload_apps(config, app_id)


@apps.command("rotate-secret", epilog=examples("apps rotate-secret"))
@click.argument("app_id", metavar="ID")
@click.option("--finish", is_flag=True, help="Accept the old secret no more.")
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
@config_options
def rotate_secret(app_id: str, finish: bool, as_json: bool, **files: Any) -> None:
    """Give an app a new secret, and print it. The old one is accepted too, until --finish or the next rotation."""
    config, secret = load_or_exit(**files), new_secret()
    if finish:
        _in_table(config, lambda table: table.forget_previous_secret(app_id))
        click.echo(f"The old secret of app {app_id} is not accepted any more")
    else:
        _in_table(config, lambda table: table.rotate_secret(app_id, secret))
        click.echo(json.dumps({"id": app_id, "secret": secret}) if as_json else f"secret {secret}")
    reload_apps(config, app_id)


@apps.command(epilog=examples("apps disable"))
@click.argument("app_id", metavar="ID")
@config_options
def disable(app_id: str, **files: Any) -> None:
    """Refuse an app: clients get error 4003, requests 403, and connections are closed."""
    _enable(load_or_exit(**files), app_id, is_enabled=False)


@apps.command(epilog=examples("apps enable"))
@click.argument("app_id", metavar="ID")
@config_options
def enable(app_id: str, **files: Any) -> None:
    """Serve an app again that was disabled."""
    _enable(load_or_exit(**files), app_id, is_enabled=True)


@apps.command(epilog=examples("apps remove"))
@click.argument("app_id", metavar="ID")
@config_options
def remove(app_id: str, **files: Any) -> None:
    """Delete an app from the database; its connections are closed."""
    config = load_or_exit(**files)
    _in_table(config, lambda table: table.remove(app_id))
    click.echo(f"App {app_id} is removed")
    reload_apps(config, app_id)


@apps.command("reload", epilog=examples("apps reload"))
@click.argument("app_id", metavar="[ID]", required=False)
@port_option
def reload_command(app_id: str | None, port: int | None) -> None:
    """Have the server that runs here, and all nodes that it is connected to, read an app again, or all."""
    reload_apps(None, app_id, port)


def _enable(config: Config, app_id: str, *, is_enabled: bool) -> None:
    _in_table(config, lambda table: table.enable(app_id, is_enabled=is_enabled))
    click.echo(f"App {app_id} is {'enabled' if is_enabled else 'disabled'}")
    reload_apps(config, app_id)


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in given:
        name, mark, value = text.partition("=")
        try:
            options[name] = json.loads(value)
        except ValueError:
            mark = ""
        if not mark:
            raise UnusableCommandLine(
                f"--option: found {name!r} without JSON; allowed: NAME=JSON, such as ping_interval_s=30"
            )
    return options


def _in_table(config: Config, change: Callable[[AppTable], Awaitable[T]]) -> T:
    """What `change` returns. Exits with 1 where the apps are elsewhere, or where it fails."""
    from revurb.lookup.one_question import ask_once  # imports much
    from revurb.lookup.sql_apps import shown_database

    url = config.app_lookup.database
    if url is None:
        raise click.ClickException(_elsewhere(config))

    async def run(provider: SqlApps) -> T:
        from revurb.lookup.sql_table import AppTable  # imports SQLAlchemy, which may be missing

        return await change(AppTable(provider.engine, config.app_lookup.table))

    try:
        return asyncio.run(ask_once(url, config.app_lookup.table, run))
    except AppProviderError as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:  # of a driver, which may raise anything of its own
        reason = str(error).splitlines()[0] if str(error) else ""
        raise click.ClickException(f"{shown_database(url)}: {type(error).__name__}: {reason}") from None


def _elsewhere(config: Config) -> str:
    """Where the apps are that cannot be changed here."""
    if config.app_provider is not None:
        return f"the apps are found by {config.app_provider}: change them where it has them, then: revurb apps reload"
    places = dict.fromkeys(
        origin.partition(" ")[0]
        for key, origin in config.provenance.items()
        if key.startswith("apps.") and key.endswith(".id")
    )
    where = " and ".join(places) or "the configuration"
    return f"the apps are in {where}: edit them there, then: revurb restart (or set REVURB_APP_DATABASE)"
