"""URLs of databases; what is found in tables is in test_sql_table.py."""

from __future__ import annotations

import pytest

from revurb.apps import AppProviderError
from revurb.lookup.sql_apps import SqlApps, driver_url, shown_database


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql+asyncpg://h/d", "postgresql+asyncpg://h/d"),
        ("mysql://h/d", "mysql+aiomysql://h/d"),
        ("MariaDB://h/d", "mysql+aiomysql://h/d"),
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
    ],
)
def test_the_driver_need_not_be_named(given: str, expected: str) -> None:
    assert driver_url(given) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hush@h/d", "postgresql://me:...@h/d"),
        ("postgresql://me:hu/s@h@h/d?password=hush", "postgresql://me:...@h/d?..."),
        ("postgresql://:hush@h/d", "postgresql://:...@h/d"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("postgresql://me@h/d", "postgresql://me@h/d"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert shown_database(url) == shown


@pytest.mark.parametrize(
    "url", ["oracle://me:hush@h", "hush", "mysql://me:hush@h:port/d", "sqlite+pysqlite:///x"]
)
def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(AppProviderError, match="cannot be used") as caught:
        SqlApps(url)
    assert "hush" not in str(caught.value) or url == "hush"


async def test_the_password_is_in_no_repr() -> None:
    apps = SqlApps("postgresql://me:hush@h/d")
    assert "hush" not in repr(apps)
    assert apps.all() == ()
    await apps.close()
