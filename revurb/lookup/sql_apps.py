"""Finds apps in a table of a database: PostgreSQL, MySQL, MariaDB or SQLite.

The table is that of `revurb apps init`, or soketi's (`app_row`). Needs the extra `[sql]`, which is imported when a
database is configured. To be used behind a cache (`revurb.lookup.cached_apps`): each lookup is a query.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from revurb.apps.app import App
from revurb.apps.field_checks import URL_NAME
from revurb.apps.provider import AppProvider, AppProviderError, WatchedProvider
from revurb.lookup.app_notices import AppNotices
from revurb.lookup.app_row import AppRowError, app_of_row, text_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

MAX_NAME_CHARS = 255  # of the columns id and key
POOL_SIZE = 5  # connections that are kept
MAX_MORE = 5
TIMEOUT_S = 5
RECYCLE_S = 300  # less than the idle timeouts of databases and of what is in between
MISSING_EXTRA = "a library for databases is missing ({name}); allowed: pip install 'revurb[sql]'"
_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
    "sqlite": "sqlite+aiosqlite",
}
# Of the drivers, in their own words.
_TIMEOUTS: dict[str, dict[str, Any]] = {
    "postgresql+asyncpg": {"timeout": TIMEOUT_S, "command_timeout": TIMEOUT_S},
    "mysql+aiomysql": {"connect_timeout": TIMEOUT_S},
    "sqlite+aiosqlite": {"timeout": TIMEOUT_S},
}
_is_name = re.compile(URL_NAME).search
_PASSWORD = re.compile(r"(://[^:/?#@]*):.*@")


def driver_url(url: str) -> str:
    """`url` with the name of an asyncio driver: `postgres://` means `postgresql+asyncpg://`. Raises ValueError for
    another database; the text never has a password."""
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in (*_DRIVERS, *_DRIVERS.values()):
        raise ValueError(
            "it is none of postgresql+asyncpg://, mysql+aiomysql://, sqlite+aiosqlite:// or those without a driver"
        )
    return f"{_DRIVERS.get(scheme, scheme)}://{rest}"


def shown_database(url: str) -> str:
    """The URL without password, and without a query, which may have one."""
    base, mark, _ = _PASSWORD.sub(r"\1:...@", url).partition("?")
    return f"{base}?..." if mark else base


def make_engine(url: str) -> AsyncEngine:
    """Raises AppProviderError where a library is missing, or for a URL that cannot be used."""
    try:
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.ext.asyncio import create_async_engine

        full = driver_url(url)
        driver = full.partition("://")[0]
        pool: dict[str, Any] = (
            {} if full.startswith("sqlite") else {"pool_size": POOL_SIZE, "max_overflow": MAX_MORE}
        )
        try:
            return create_async_engine(
                full,
                pool_pre_ping=True,
                pool_recycle=RECYCLE_S,
                hide_parameters=True,
                connect_args=_TIMEOUTS[driver],
                **pool,
            )
        except (SQLAlchemyError, TypeError, ValueError) as error:
            # Its text may have the URL in it.
            raise AppProviderError(f"{shown_database(url)} cannot be used: {type(error).__name__}") from None
    except ImportError as error:
        raise AppProviderError(MISSING_EXTRA.format(name=error.name)) from error
    except ValueError as error:
        raise AppProviderError(f"{shown_database(url)} cannot be used: {error}") from None


class SqlApps(WatchedProvider):
    """The AppProvider of the apps in `table`. Raises AppProviderError where a library is missing."""

    def __init__(self, url: str, table: str = "apps") -> None:
        import_sql()
        import sqlalchemy as sa

        self.engine = make_engine(url)
        self._notices: AppNotices | None = None
        self._shown = shown_database(url)
        self._source = sa.table(table, sa.column("id"), sa.column("key"))
        self._all_columns: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(self._source)

    def __repr__(self) -> str:
        return f"SqlApps({self._shown!r})"

    def find_by_id(self, app_id: str) -> Awaitable[App | None] | None:
        return self._find("id", app_id) if _may_be_name(app_id) else None

    def find_by_key(self, key: str) -> Awaitable[App | None] | None:
        return self._find("key", key) if _may_be_name(key) else None

    def all(self) -> Sequence[App]:
        """None: nobody waits for a database at the start."""
        return ()

    async def read_rows(self) -> list[Mapping[str, Any]]:
        """Every row of the table, in the order of the ids."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(self._all_columns.order_by(self._source.c.id))
            return [dict(row) for row in rows.mappings()]

    def watch(self, on_change: Callable[[str | None], None]) -> None:
        """Call `on_change` with the id of an app that was changed, or None where any may have been, if the database
        tells that."""
        from revurb.lookup.sql_table import NOTICES

        self._notices = AppNotices(self.engine, NOTICES, on_change)
        self._notices.start()

    async def close(self) -> None:
        """Give up all connections."""
        if self._notices is not None:
            await self._notices.stop()
        await self.engine.dispose()

    async def _find(self, column: str, text: str) -> App | None:
        query = self._all_columns.where(self._source.c[column] == text)
        async with self.engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        # MySQL compares without regard to case, and to spaces at the end.
        exact = [row for row in rows if text_of(column, row[column]) == text]
        if len(exact) > 1:
            raise AppRowError(f"the table has {len(exact)} apps with the {column} {text!r}; allowed: one")
        return app_of_row(dict(exact[0])) if exact else None


def import_sql() -> None:
    """Raises AppProviderError where SQLAlchemy is missing."""
    try:
        import sqlalchemy.ext.asyncio  # noqa: F401
    except ImportError as error:
        raise AppProviderError(MISSING_EXTRA.format(name=error.name)) from error


def _may_be_name(text: str) -> bool:
    """Whether an app may have it for its id or key: what else a client asks for costs no query."""
    return len(text) <= MAX_NAME_CHARS and text.isprintable() and _is_name(text) is not None


_: type[AppProvider] = SqlApps
