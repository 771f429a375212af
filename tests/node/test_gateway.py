"""Which upgrade requests become sessions, and which are refused over the WebSocket."""

from __future__ import annotations

import asyncio

from revurb import App, Server
from revurb.apps import FixedApps
from tests.client import connect, http
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret")


def test_a_slow_provider_answers_sockets_too(run: Run) -> None:
    class Slow(FixedApps):
        async def find_by_key(self, key: str) -> App | None:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().find_by_key(key)

    async def main() -> None:
        async with Server(app_provider=Slow([APP]), port=0) as server:
            async with connect(server.port) as client:
                await client.subscribe("a")
                await client.expect_silence()
            async with connect(server.port, "nope", greet=False) as client:
                await client.expect_error(4001)
                assert await client.closed() == 4001

    run(main())


def test_the_limits_of_apps_and_of_the_node(run: Run) -> None:
    small = App(id="s", key="small", secret="s", max_connections=1)

    async def main() -> None:
        async with Server(apps=[APP, small], port=0, max_connections=2) as server:
            async with connect(server.port, "small"):
                async with connect(server.port, "small", greet=False) as second:
                    await second.expect_error(4004)
                    assert await second.closed() == 4004
                async with connect(server.port), connect(server.port, greet=False) as third:
                    await third.expect_error(4100)
                    assert await third.closed() == 4100
            async with http(
                server.port
            ) as connection:  # the place is free as soon as the loop has seen the end
                await connection.request("GET", "/up")
            async with connect(server.port, "small") as again:
                await again.expect_silence()

    run(main())
