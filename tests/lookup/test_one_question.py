"""A command asks a database, also one that stands still."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from revurb.lookup.one_question import ask_once
from revurb.lookup.sql_apps import SqlApps
from revurb.lookup.sql_table import AppTable
from tests.client import PATIENCE_S
from tests.conftest import Need
from tests.lookup.databases import KINDS


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_a_database_that_stands_still(need: Need, kind: str) -> None:
    with KINDS[kind](need) as database:

        async def make(apps: SqlApps) -> list[str]:
            return await AppTable(apps.engine).init()

        assert asyncio.run(ask_once(database.url, "apps", make)) == ["made the table apps"]
        assert asyncio.run(ask_once(database.url, "apps", SqlApps.read_rows)) == []
        database.signal(signal.SIGSTOP)
        began_at = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no answer within 0\.5 s"):
            asyncio.run(ask_once(database.url, "apps", SqlApps.read_rows, 0.5))
        assert time.monotonic() - began_at < PATIENCE_S  # and not for ever
        database.signal(signal.SIGCONT)
