"""The database of apps as `revurb doctor` sees it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from revurb.config import Config
from revurb.config.app_lookup import AppLookupConfig
from revurb.doctor.app_database import check_app_database
from revurb.lookup.sql_apps import SqlApps
from revurb.lookup.sql_table import AppTable


def config(url: str) -> Config:
    return Config(app_lookup=AppLookupConfig(database=url))


async def marks(url: str) -> list[tuple[str, str]]:
    findings = await check_app_database(config(url))
    assert {finding.subject for finding in findings} <= {"app database"}
    assert all(finding.advice for finding in findings if finding.mark != "ok")
    return [(finding.mark, finding.observation) for finding in findings]


async def test_from_no_table_to_a_row_that_is_no_app(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/apps.db"
    assert await check_app_database(Config()) == []
    ((mark, observation),) = await marks(url)
    assert mark == "wrong"
    assert "no such table: apps" in observation
    apps = SqlApps(url)
    table = AppTable(apps.engine)
    await table.init()
    assert await marks(url) == [("warning", f"{url}: no apps in the table apps")]
    await table.add("1", "k", "hush-hush", {})
    assert await marks(url) == [("ok", f"{url}: 1 apps in the table apps")]
    async with apps.engine.begin() as connection:
        await connection.execute(
            sa.text("INSERT INTO apps (id, key, secret) VALUES ('2', 'a b', 'hush-hush')")
        )
    found = await marks(url)
    assert [mark for mark, _ in found] == ["ok", "wrong"]
    assert found[1][1].startswith("the row of app '2': App.key: found 'a b'")
    async with apps.engine.begin() as connection:
        await connection.execute(sa.text("DELETE FROM apps WHERE id = '2'"))
        await connection.execute(sa.text("ALTER TABLE apps DROP COLUMN options"))
    assert await marks(url) == [("warning", f"{url}: 1 apps in the table apps, without options")]
    await apps.close()


async def test_two_apps_with_one_key(tmp_path: Path) -> None:
    """soketi's table allows that."""
    url = f"sqlite:///{tmp_path}/apps.db"
    apps = SqlApps(url)
    async with apps.engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE apps (id TEXT PRIMARY KEY, key TEXT, secret TEXT)"))
        for app_id in ("1", "2"):
            await connection.execute(sa.text(f"INSERT INTO apps VALUES ('{app_id}', 'k', 'hush-hush')"))
    await apps.close()
    assert (await marks(url))[1:] == [("wrong", "2 apps have the key 'k'")]


async def test_a_database_that_is_not_there_and_a_url_that_is_none() -> None:
    ((mark, observation),) = await marks("postgresql://me:hush-hush@127.0.0.1:1/apps")
    assert (mark, observation.startswith("postgresql://me:...@127.0.0.1:1/apps, table apps: ")) == (
        "wrong",
        True,
    )
    assert "hush" not in observation
    ((mark, observation),) = await marks("oracle://me:hush-hush@h")
    assert (mark, "hush" in observation) == ("wrong", False)
