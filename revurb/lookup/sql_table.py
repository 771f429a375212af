"""The table of apps in a database: made, and changed by `revurb apps`.

Its columns are soketi's, so that a node of soketi can read it too, and our own `previous_secret` and `options`. A table
of soketi's gets our own columns with `init`. On PostgreSQL a trigger tells nodes of each change (NOTIFY).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from revurb.apps.provider import AppProviderError
from revurb.lookup.app_row import app_of_row

NOTICES = "revurb_apps"  # the channel of PostgreSQL's NOTIFY
_OWN_COLUMNS = {
    "enabled": "SMALLINT NOT NULL DEFAULT 1",  # which soketi's had not always
    "previous_secret": "VARCHAR(255)",
    "options": "TEXT",
}
_COUNTS = (
    "max_connections",
    "max_backend_events_per_sec",
    "max_client_events_per_sec",
    "max_read_req_per_sec",
)
_NULLABLE_COUNTS = (
    "max_presence_members_per_channel", "max_presence_member_size_in_kb", "max_channel_name_length",
    "max_event_channels_at_once", "max_event_name_length", "max_event_payload_in_kb", "max_event_batch_size",
)  # fmt: skip


class AppTable:
    """The table `name`. Methods raise AppProviderError for what cannot be done, and what SQLAlchemy raises for a
    database that cannot be reached."""

    def __init__(self, engine: AsyncEngine, name: str = "apps") -> None:
        self._engine = engine
        self._table = sa.Table(name, sa.MetaData(), *_columns())

    async def init(self) -> list[str]:
        """Make the table, or add the columns that one of soketi's lacks, and the trigger. Returns what was done, in
        words; repeating it does nothing."""
        done: list[str] = []
        name = self._table.name
        async with self._engine.begin() as connection:
            if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(name)):
                await connection.run_sync(self._table.create)
                done.append(f"made the table {name}")
            present = await self._present(connection)
            quoted = self._engine.dialect.identifier_preparer.quote(name)
            for column, kind in _OWN_COLUMNS.items():
                if column not in present:
                    await connection.execute(sa.text(f"ALTER TABLE {quoted} ADD COLUMN {column} {kind}"))
                    done.append(f"added the column {column}")
            if self._engine.dialect.name == "postgresql":
                for statement in _trigger(quoted):
                    await connection.execute(sa.text(statement))
        return done

    async def add(self, app_id: str, key: str, secret: str, options: Mapping[str, Any]) -> None:
        """Insert an app, with fields of an App in `options`."""
        row: dict[str, Any] = {"id": app_id, "key": key, "secret": secret}
        row |= {"options": json.dumps(options)} if options else {}
        app_of_row(row)  # raises what is wrong with it
        async with self._engine.begin() as connection:
            present = await self._present(connection)
            _require(present, row)
            known = sa.select(self._table.c.id).where(
                (self._table.c.id == app_id) | (self._table.c.key == key)
            )
            if (await connection.execute(known)).first() is not None:
                raise AppProviderError(f"there is an app with the id {app_id!r} or the key {key!r} already")
            defaults = {
                **dict.fromkeys(_COUNTS, -1),
                "enabled": 1,
                "enable_client_messages": 1,
                "enable_stats": 0,
            }
            row = {**{column: value for column, value in defaults.items() if column in present}, **row}
            await connection.execute(sa.insert(self._target(row)).values(row))

    async def rotate_secret(self, app_id: str, secret: str) -> None:
        """`secret` is the secret of the app from now on; the one before is still accepted, any older one is not."""
        async with self._engine.begin() as connection:
            _require(await self._present(connection), {"previous_secret": None})
            # Read first: MySQL's assignments see those before them.
            before = sa.select(self._table.c.secret).where(self._table.c.id == app_id)
            found = (await connection.execute(before)).first()
            if found is None:
                raise _unknown(app_id)
            await self._update(connection, app_id, {"secret": secret, "previous_secret": found[0]})

    async def forget_previous_secret(self, app_id: str) -> None:
        """The previous secret of the app is not accepted any more."""
        await self._set(app_id, {"previous_secret": None})

    async def enable(self, app_id: str, *, is_enabled: bool) -> None:
        await self._set(app_id, {"enabled": int(is_enabled)})

    async def remove(self, app_id: str) -> None:
        async with self._engine.begin() as connection:
            await self._require_app(connection, app_id)
            await connection.execute(sa.delete(self._table).where(self._table.c.id == app_id))

    async def _set(self, app_id: str, values: Mapping[str, Any]) -> None:
        async with self._engine.begin() as connection:
            _require(await self._present(connection), values)
            await self._require_app(connection, app_id)
            await self._update(connection, app_id, values)

    async def _update(self, connection: AsyncConnection, app_id: str, values: Mapping[str, Any]) -> None:
        await connection.execute(
            sa.update(self._target(values)).where(sa.column("id") == app_id).values(values)
        )

    async def _require_app(self, connection: AsyncConnection, app_id: str) -> None:
        query = sa.select(self._table.c.id).where(self._table.c.id == app_id)
        if (await connection.execute(query)).first() is None:
            raise _unknown(app_id)

    async def _present(self, connection: AsyncConnection) -> set[str]:
        """The columns that the table has. Raises AppProviderError without a table."""
        name = self._table.name

        def columns(sync: sa.Connection) -> set[str]:
            inspector = sa.inspect(sync)
            if not inspector.has_table(name):
                raise AppProviderError(f"there is no table {name}: revurb apps init makes it")
            return {str(column["name"]) for column in inspector.get_columns(name)}

        return await connection.run_sync(columns)

    def _target(self, values: Mapping[str, Any]) -> sa.TableClause:
        """The table with these columns alone, without a type: what soketi's has differs from database to database."""
        return sa.table(self._table.name, *(sa.column(name) for name in values))


def _columns() -> list[sa.Column[Any]]:
    text = sa.String(255)
    return [
        sa.Column("id", text, primary_key=True),
        sa.Column("key", text, nullable=False, unique=True),
        sa.Column("secret", text, nullable=False),
        sa.Column("previous_secret", text),
        sa.Column("enabled", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("enable_client_messages", sa.SmallInteger, nullable=False, server_default="1"),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="-1") for name in _COUNTS),
        *(sa.Column(name, sa.Integer) for name in _NULLABLE_COUNTS),
        sa.Column("enable_user_authentication", sa.SmallInteger),
        sa.Column("webhooks", sa.JSON),
        sa.Column("options", sa.Text),
    ]


def _trigger(table: str) -> tuple[str, ...]:
    """Statements that have PostgreSQL tell the id of each row that is changed."""
    return (
        "CREATE OR REPLACE FUNCTION revurb_tell_app() RETURNS trigger AS $$ BEGIN "
        f"PERFORM pg_notify('{NOTICES}', COALESCE(OLD.id, NEW.id)); RETURN NULL; END $$ LANGUAGE plpgsql",
        f"DROP TRIGGER IF EXISTS revurb_apps_changed ON {table}",
        f"CREATE TRIGGER revurb_apps_changed AFTER INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION revurb_tell_app()",
    )


def _require(present: set[str], values: Mapping[str, Any]) -> None:
    if missing := sorted(set(values) - present):
        raise AppProviderError(f"the table has no column {missing[0]}: revurb apps init adds it")


def _unknown(app_id: str) -> AppProviderError:
    return AppProviderError(f"there is no app with the id {app_id!r} in the table")
