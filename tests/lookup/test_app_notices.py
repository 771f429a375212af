"""PostgreSQL tells of changed apps, and a database that is away takes away no known app."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import sqlalchemy as sa

from revurb.apps import App
from revurb.lookup import app_notices
from revurb.lookup.cached_apps import CachedApps
from revurb.lookup.sql_apps import SqlApps
from revurb.lookup.sql_table import AppTable
from tests.client import PATIENCE_S
from tests.conftest import Need
from tests.lookup.databases import Database, postgres, sqlite


@pytest.fixture(scope="module")
def database(need: Need) -> Iterator[Database]:
    with postgres(need) as database:
        yield database


@contextlib.asynccontextmanager
async def watched(database: Database) -> AsyncIterator[tuple[SqlApps, AppTable, list[str | None]]]:
    """A provider that listens; with the ids that it was told of."""
    apps, told = SqlApps(database.url), list[str | None]()
    table = AppTable(apps.engine)
    await table.init()
    apps.watch(told.append)
    try:
        number = 0
        while not told:  # it may not listen yet
            number += 1
            await table.add(f"probe{number}", f"probe{number}", "s", {})
            await asyncio.sleep(0.05)
        told.clear()
        yield apps, table, told
    finally:
        with contextlib.suppress(Exception):
            for row in await apps.read_rows():
                await table.remove(row["id"])
        await apps.close()


async def found(apps: CachedApps, key: str) -> App | None:
    answer = apps.find_by_key(key)
    return await answer if isinstance(answer, Awaitable) else answer


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_each_change_is_told_with_its_id(database: Database) -> None:
    async with watched(database) as (_, table, told):
        for change in (
            table.add("1", "k", "s", {}), table.rotate_secret("1", "t"), table.enable("1", is_enabled=False),
            table.remove("1"),
        ):  # fmt: skip
            told.clear()
            await change
            await until(lambda: "1" in told)


async def test_a_database_that_was_away(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_notices, "FIRST_RETRY_S", 0.05)
    async with watched(database) as (apps, table, told):
        cached = CachedApps(apps, 60.0)
        await table.add("1", "k", "s", {})
        known = await found(cached, "k")
        assert known is not None
        database.stop()
        try:
            await until(lambda: "not told of changed apps, trying again" in caplog.messages)
            cached.invalidate()
            assert await found(cached, "k") is known
            with pytest.raises(Exception, match=r"."):
                await found(cached, "other")
        finally:
            database.start()
        await until(lambda: None in told)  # whatever has changed meanwhile
        cached.invalidate()
        async with asyncio.timeout(PATIENCE_S):  # it may still be starting up
            while await found(cached, "k") is not known:
                await asyncio.sleep(0.05)
        for query in cached.under_way():
            query.cancel()


async def test_a_connection_of_which_no_end_is_told(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_notices, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(app_notices, "ASK_EVERY_S", 0.1)
    monkeypatch.setattr(app_notices, "ANSWER_S", 0.5)
    async with watched(database) as (apps, _, told):
        listens = sa.text("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'")
        async with apps.engine.connect() as connection:
            (pid,) = (await connection.execute(listens)).scalars()
        os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: "not told of changed apps, trying again" in caplog.messages)
            await until(lambda: None in told)
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_database_that_tells_nothing(need: Need) -> None:
    with sqlite(need) as database:
        apps = SqlApps(database.url)
        apps.watch(lambda app_id: None)
        await apps.close()
