"""A provider that hands out another value for an app: from then on that one counts, without a restart."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from revurb import App, RateLimit, Server
from tests.client import Client, api, connect

OLD = App(id="1", key="key1", secret="old-secret")


class Changing:
    """Has one app, which the test replaces."""

    def __init__(self) -> None:
        self.app = OLD

    def find_by_key(self, key: str) -> App | None:
        return self.app if key == self.app.key else None

    def find_by_id(self, app_id: str) -> App | None:
        return self.app if app_id == self.app.id else None

    def all(self) -> Sequence[App]:
        return [self.app]


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Changing]]:
    apps = Changing()
    async with Server(app_provider=apps, port=0) as server:
        yield server, apps


async def refused(client: Client, channel: str, app: App) -> bool:
    await client.send(
        {"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth(client, channel, app)}}
    )
    event = (await client.next_event())["event"]
    if event == "pusher:error":
        assert (await client.next_event())["event"] == "pusher:subscription_error"
    return bool(event == "pusher:error")


def auth(client: Client, channel: str, app: App) -> str:
    return f"{app.key}:{app.sign(f'{client.socket_id}:{channel}')}"


async def test_another_secret_is_that_of_requests_and_subscriptions() -> None:
    async with served() as (server, apps), connect(server.port, "key1") as early:
        assert (await api(server.port, OLD, "GET", "/channels")).status == 200
        assert not await refused(early, "private-a", OLD)
        new = apps.app = replace(OLD, secret="new-secret")
        assert (await api(server.port, OLD, "GET", "/channels")).status == 401
        assert (await api(server.port, new, "GET", "/channels")).status == 200
        async with connect(server.port, "key1") as late:
            assert await refused(late, "private-a", OLD)
            assert not await refused(late, "private-a", new)
            # Also for those that were connected before.
            assert await refused(early, "private-b", OLD)
            assert not await refused(early, "private-b", new)
            event = {"name": "e", "channel": "private-a", "data": "x"}
            assert (await api(server.port, new, "POST", "/events", event)).status == 200
            for client in (early, late):
                await client.expect("e", "private-a")


async def test_other_origins_count_for_new_connections() -> None:
    async with served() as (server, apps):
        here = [("Origin", "https://a.example")]
        async with connect(server.port, "key1", headers=here):
            apps.app = replace(OLD, allowed_origins=("b.example",))
            async with connect(server.port, "key1", headers=here, greet=False) as client:
                await client.expect_error(4009)
                assert await client.closed() == 4009
            async with connect(server.port, "key1", headers=[("Origin", "https://b.example")]):
                pass


async def test_another_limit_of_connections_counts_those_that_are_there() -> None:
    async with served() as (server, apps), connect(server.port, "key1"):
        apps.app = replace(OLD, max_connections=1)
        async with connect(server.port, "key1", greet=False) as client:
            await client.expect_error(4004)
        apps.app = replace(OLD, max_connections=2)
        async with connect(server.port, "key1"):
            pass


async def test_another_message_size_and_rate_count_for_new_connections() -> None:
    async with served() as (server, apps):
        apps.app = replace(OLD, max_message_size_bytes=100, rate_limit=RateLimit(max_attempts=2, decay_s=60))
        async with connect(server.port, "key1") as client:
            for _ in range(2):
                await client.send({"event": "pusher:ping"})
                await client.expect("pusher:pong")
            await client.send({"event": "pusher:ping"})
            await client.expect_error(4301)
        apps.app = replace(apps.app, rate_limit=None)
        async with connect(server.port, "key1") as client:
            for _ in range(5):
                await client.send({"event": "pusher:ping"})
                await client.expect("pusher:pong")
            await client.send({"event": "pusher:ping", "data": "x" * 100})
            assert await client.closed() == 1009


async def test_an_app_that_is_gone_lets_nobody_in() -> None:
    async with served() as (server, apps), connect(server.port, "key1") as client:
        await client.subscribe("a")
        apps.app = replace(OLD, id="2", key="key2")
        assert (await api(server.port, OLD, "GET", "/channels")).status == 404
        async with connect(server.port, "key1", greet=False) as late:
            await late.expect_error(4001)
        await client.expect_silence()
