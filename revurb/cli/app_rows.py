"""The apps of a configuration, or of its database or provider, as `revurb apps list` prints them: without a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypedDict

import click

from revurb.config import App, AppProviderError, Config, ConfigError, load_app_provider


class AppRow(TypedDict):
    """One app. `problem` is why a row of a database is none."""

    id: str
    key: str
    is_enabled: bool
    has_previous_secret: bool
    allowed_origins: list[str]
    problem: str | None


def listed_apps(config: Config) -> list[AppRow]:
    """Exits with 1 if a database or a provider cannot say."""
    url = config.app_lookup.database
    if url is not None:
        from revurb.lookup.sql_apps import shown_database  # imports much

        try:
            return [_of_row(row) for row in asyncio.run(_rows(url, config.app_lookup.table))]
        except Exception as error:  # of a driver, which may raise anything of its own
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise click.ClickException(f"{shown_database(url)}: {reason}") from None
    if config.app_provider is not None:
        try:
            return [_of(app) for app in load_app_provider(config.app_provider).all()]
        except ConfigError as error:
            raise click.ClickException("; ".join(error.problems)) from None
        except Exception as error:  # of the user's own
            raise click.ClickException(f"{config.app_provider}: {type(error).__name__}: {error}") from None
    return [_of(app) for app in config.apps]


async def _rows(url: str, table: str) -> list[Mapping[str, Any]]:
    from revurb.lookup.one_question import ask_once
    from revurb.lookup.sql_apps import SqlApps

    return await ask_once(url, table, SqlApps.read_rows)


def _of_row(row: Mapping[str, Any]) -> AppRow:
    from revurb.lookup.app_row import app_of_row  # imports much

    try:
        return _of(app_of_row(row))
    except AppProviderError as error:
        shown = AppRow(
            id=str(row.get("id")), key=str(row.get("key")), is_enabled=False, has_previous_secret=False,
            allowed_origins=[], problem=str(error),
        )  # fmt: skip
        return shown


def _of(app: App) -> AppRow:
    return AppRow(
        id=app.id,
        key=app.key,
        is_enabled=app.is_enabled,
        has_previous_secret=app.previous_secret is not None,
        allowed_origins=list(app.allowed_origins),
        problem=None,
    )
