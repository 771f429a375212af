"""A node whose apps are in a PostgreSQL that is killed, stands still, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator

import pytest

from revurb import App
from revurb.config import Config, ServerConfig
from revurb.config.app_lookup import AppLookupConfig
from revurb.lookup.sql_apps import SqlApps
from revurb.lookup.sql_table import AppTable
from revurb.node.node import Node
from tests.client import PATIENCE_S, Refused, api, connect
from tests.conftest import Need
from tests.lookup.databases import Database, postgres

APP = App(id="shop", key="shop-key", secret="secret")
SERVING_KNOWN = "the apps cannot be looked up, serving those that are known"
EVENT = {"name": "e", "channel": "news", "data": "x"}


@contextlib.asynccontextmanager
async def served(database: Database) -> AsyncIterator[Node]:
    admin = SqlApps(database.url)
    table = AppTable(admin.engine)
    await table.init()
    await table.add(APP.id, APP.key, APP.secret, {})
    await admin.close()
    config = Config(
        server=ServerConfig(host="127.0.0.1", port=0),
        app_lookup=AppLookupConfig(database=database.url, cache_ttl_s=0.2),
    )
    node = Node(config, SqlApps(database.url))
    await node.start()
    try:
        yield node
    finally:
        await node.stop(drain_timeout_s=0)


async def is_served(node: Node) -> float:
    """A publish and a connection of the app that is known; how long they took, in seconds."""
    began_at = time.monotonic()
    assert (await api(node.port, APP, "POST", "/events", EVENT)).status == 200
    async with connect(node.port, APP.key) as client:
        await client.subscribe("news")
    return time.monotonic() - began_at


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_known_apps_are_served_and_others_are_told_to_come_back(
    need: Need, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres(need) as database:
        async with served(database) as node, connect(node.port, APP.key) as early:
            await is_served(node)
            if how == "killed":
                database.stop()
            else:
                database.signal(signal.SIGSTOP)
            try:
                took_s: list[float] = []
                async with asyncio.timeout(2 * PATIENCE_S):
                    while SERVING_KNOWN not in caplog.messages or len(took_s) < 20:
                        took_s.append(await is_served(node))
                with pytest.raises(Refused) as caught:
                    async with connect(node.port, "unknown"):
                        pass
                assert caught.value.response.status == 503
            finally:
                if how == "killed":
                    database.start()
                else:
                    database.signal(signal.SIGCONT)
            print(f"{how}: {len(took_s)} publishes and connections, the slowest {max(took_s):.2f} s")
            assert max(took_s) < PATIENCE_S / 2
            admin = SqlApps(database.url)
            async with asyncio.timeout(2 * PATIENCE_S):
                while True:
                    with contextlib.suppress(Exception):  # it may still be starting up
                        await AppTable(admin.engine).enable(APP.id, is_enabled=False)
                        break
                    await asyncio.sleep(0.05)
                await early.expect_error(4003)
                assert await early.closed() == 4003
            await admin.close()
