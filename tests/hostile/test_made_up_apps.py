"""Names of apps that clients make up cost a bounded number of queries, and take nothing from known apps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from revurb import App, Server
from revurb.lookup.cached_apps import MAX_QUERIES
from tests.client import Client, api, connect

APP = App(id="1", key="known", secret="secret")
FLOOD = 2_000


class SlowDatabase:
    """Takes as long for a query as a database under load. `most` is how many were under way at a time."""

    def __init__(self) -> None:
        self.asked = 0
        self.under_way = self.most = 0

    async def find_by_id(self, app_id: str) -> App | None:
        return await self._find(APP if app_id == APP.id else None)

    async def find_by_key(self, key: str) -> App | None:
        return await self._find(APP if key == APP.key else None)

    def all(self) -> Sequence[App]:
        return ()

    async def _find(self, app: App | None) -> App | None:
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        return app


async def refused(port: int, key: str) -> None:
    async with connect(port, key, greet=False) as client:
        await client.expect_error(4001)


async def test_a_flood_of_made_up_keys() -> None:
    database = SlowDatabase()
    async with Server(app_provider=database, port=0) as server, connect(server.port, "known"):
        limit = asyncio.Semaphore(200)

        async def attack(number: int) -> None:
            async with limit:
                await refused(server.port, f"made-up-{number % (FLOOD // 2)}")  # each twice

        flood = asyncio.gather(*map(attack, range(FLOOD)))
        slowest_s = 0.0
        event = {"name": "e", "channel": "c", "data": "x"}
        while not flood.done():
            began_at = time.monotonic()
            assert (await api(server.port, APP, "POST", "/events", event)).status == 200
            client: Client
            async with connect(server.port, "known") as client:
                await client.expect_silence()
            slowest_s = max(slowest_s, time.monotonic() - began_at)
        await flood
    assert database.most <= MAX_QUERIES
    assert database.asked <= FLOOD // 2 + 1, "a name is asked for once while it is remembered"
    print(f"{FLOOD} handshakes, {database.asked} queries, known app: at most {slowest_s:.3f} s")
