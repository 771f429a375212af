"""An app that its provider tells otherwise: what that is for the connections that are there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from revurb import App, RateLimit
from revurb.config import Config
from revurb.config.app_lookup import AppLookupConfig
from revurb.config.server import ServerConfig
from revurb.node import app_changes
from revurb.node.node import Node
from tests.client import PATIENCE_S, Refused, api, connect

OLD = App(id="1", key="key1", secret="secret")
A_PAGE, B_PAGE = [("Origin", "https://a.example")], [("Origin", "https://b.example")]
PING = {"event": "pusher:ping"}


class Database:
    """Has one app or none, which the test replaces."""

    def __init__(self) -> None:
        self.app: App | None = OLD

    async def find_by_id(self, app_id: str) -> App | None:
        return self.app if self.app is not None and self.app.id == app_id else None

    async def find_by_key(self, key: str) -> App | None:
        return self.app if self.app is not None and self.app.key == key else None

    def all(self) -> Sequence[App]:
        return ()


@contextlib.asynccontextmanager
async def served(ttl_s: float = 60.0) -> AsyncIterator[tuple[Node, Database]]:
    database = Database()
    config = Config(
        server=ServerConfig(host="127.0.0.1", port=0), app_lookup=AppLookupConfig(cache_ttl_s=ttl_s)
    )
    node = Node(config, database)
    await node.start()
    try:
        yield node, database
    finally:
        await node.stop(drain_timeout_s=0)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_a_disabled_app_and_its_connections() -> None:
    async with served() as (node, database), connect(node.port, "key1") as client:
        database.app = replace(OLD, is_enabled=False)
        async with connect(node.port, "key1"):
            pass  # what is fresh counts
        assert await node.operations.reload_apps("1") == 1
        assert await client.expect_error(4003) == "Application disabled"
        assert await client.closed() == 4003
        async with connect(node.port, "key1", greet=False) as late:
            await late.expect_error(4003)


async def test_an_app_that_is_gone() -> None:
    async with served() as (node, database), connect(node.port, "key1") as client:
        database.app = None
        assert await node.operations.reload_apps(None) == 1
        await client.expect_error(4001)
        assert await client.closed() == 4001


async def test_pages_that_may_not_connect_any_more() -> None:
    async with (
        served() as (node, database),
        connect(node.port, "key1", headers=A_PAGE) as a,
        connect(node.port, "key1", headers=B_PAGE) as b,
        connect(node.port, "key1") as nowhere,
    ):
        database.app = replace(OLD, allowed_origins=("b.example",))
        await node.operations.reload_apps("1")
        for client in (a, nowhere):
            await client.expect_error(4009)
            assert await client.closed() == 4009
        await b.send(PING)
        await b.expect("pusher:pong")


async def test_other_limits_count_for_connections_that_are_there() -> None:
    async with served() as (node, database), connect(node.port, "key1") as client:
        database.app = replace(OLD, rate_limit=RateLimit(max_attempts=1, decay_s=60))
        await node.operations.reload_apps("1")
        await until(lambda: node._registry.states["1"].app == database.app)
        await client.send(PING)
        await client.expect("pusher:pong")
        await client.send(PING)
        await client.expect_error(4301)
        database.app = OLD
        await node.operations.reload_apps("1")
        await until(lambda: node._registry.states["1"].app == OLD)
        for _ in range(3):
            await client.send(PING)
            await client.expect("pusher:pong")


async def test_a_change_is_noticed_when_what_is_known_has_expired() -> None:
    async with served(ttl_s=0.1) as (node, database), connect(node.port, "key1") as client:
        database.app = replace(OLD, is_enabled=False)  # nobody asks for it, and nobody reloads
        await client.expect_error(4003)
        assert await client.closed() == 4003


async def test_nobody_stays_who_was_found_before_a_change_and_let_in_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app_changes, "SETTLE_S", 0.5)
    async with served() as (node, database), connect(node.port, "key1") as early:
        gate, is_asked = asyncio.Event(), asyncio.Event()
        find = database.find_by_key

        async def find_slowly(key: str) -> App | None:
            app = await find(key)
            is_asked.set()
            await gate.wait()
            return app

        node._app_changes.apps.invalidate()  # type: ignore[attr-defined]
        database.find_by_key = find_slowly  # type: ignore[method-assign]
        node._app_changes.apps._by_key.clear()  # type: ignore[attr-defined]

        async def come() -> None:
            async with connect(node.port, "key1") as late:
                await late.expect_error(4003)
                assert await late.closed() == 4003

        coming = asyncio.ensure_future(come())
        await is_asked.wait()
        database.find_by_key = find  # type: ignore[method-assign]
        database.app = replace(OLD, is_enabled=False, secret="new")
        await node.operations.reload_apps("1")
        await early.expect_error(4003)
        gate.set()
        await coming
        assert node._registry.states["1"].app.secret == "new"


async def test_a_change_is_noticed_soon_after_what_is_known_has_expired() -> None:
    async with served(ttl_s=2.0) as (node, database), connect(node.port, "key1") as client:
        # Found a while after the node has looked last: it must not take another round.
        await until(lambda: node._app_changes._checked_at > 0)
        node._app_changes.apps.invalidate()  # type: ignore[attr-defined]
        await api(node.port, OLD, "GET", "/channels")
        checked_at, database.app = node._app_changes._checked_at, replace(OLD, is_enabled=False)
        await client.expect_error(4003)
        assert asyncio.get_running_loop().time() - checked_at < 2.0 * 1.75


@pytest.mark.parametrize("ttl_s", [0, 60.0])
async def test_a_provider_that_fails_with_and_without_a_cache(ttl_s: float) -> None:
    async with served(ttl_s) as (node, database):

        async def fail(text: str) -> App | None:
            raise OSError("no route to host")

        find_by_id = database.find_by_id
        assert (await api(node.port, OLD, "GET", "/channels")).status == 200
        database.find_by_id = fail  # type: ignore[method-assign,assignment]
        assert (await api(node.port, OLD, "GET", "/channels")).status == 200
        other = replace(OLD, id="2")
        assert (await api(node.port, other, "GET", "/channels")).status == 503
        database.find_by_key = fail  # type: ignore[method-assign,assignment]
        with pytest.raises(Refused) as caught:
            async with connect(node.port, "unknown"):
                pass
        assert caught.value.response.status == 503
        database.find_by_id = find_by_id  # type: ignore[method-assign]


async def test_a_provider_may_have_methods_of_its_own() -> None:
    class Watching(Database):
        def watch(self) -> None:
            raise AssertionError

        close = None

    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0)), Watching())
    await node.start()
    async with connect(node.port, "key1"):
        pass
    await node.stop(drain_timeout_s=0)


async def test_without_a_cache_each_request_asks() -> None:
    async with served(0) as (node, database), connect(node.port, "key1"):
        for secret in ("one", "two", "three"):
            database.app = replace(OLD, secret=secret)
            assert (await api(node.port, database.app, "GET", "/channels")).status == 200


async def test_an_unused_app_and_one_of_a_failing_provider_change_nothing() -> None:
    async with served() as (node, database), connect(node.port, "key1") as client:
        database.app = OLD
        assert await node.operations.reload_apps("unknown") == 1

        async def fail(app_id: str) -> App | None:
            raise OSError("no route to host")

        database.find_by_id = fail  # type: ignore[method-assign]
        await node.operations.reload_apps(None)
        await client.expect_silence()
        await client.send(PING)
        await client.expect("pusher:pong")


async def test_thousands_that_change_at_once_are_asked_for_one_after_the_other() -> None:
    async with served() as (node, database), connect(node.port, "key1"):
        asked: list[str] = []
        under_way = 0

        async def find(app_id: str) -> App | None:
            nonlocal under_way
            under_way += 1
            assert under_way == 1
            await asyncio.sleep(0)
            under_way -= 1
            asked.append(app_id)
            return App(id=app_id, key=f"key{app_id}", secret="s")

        database.find_by_id = find  # type: ignore[method-assign]
        registry = node._registry
        for number in range(2, 2002):
            registry.state(App(id=str(number), key=f"k{number}", secret="s"))
        for _ in range(3):
            node._app_changes.reload()
        node._app_changes.reload("unused")
        await until(lambda: len(asked) >= 2001)
        assert sorted(asked, key=int) == [str(number) for number in range(1, 2002)]


async def test_an_app_that_is_not_known_while_the_provider_fails_is_a_503(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served() as (node, database):

        async def fail(text: str) -> App | None:
            raise OSError("no route to host")

        database.find_by_id = fail  # type: ignore[method-assign,assignment]
        database.find_by_key = fail  # type: ignore[method-assign,assignment]
        for _ in range(3):
            answer = await api(node.port, OLD, "POST", "/events", {"name": "e", "channel": "c", "data": "x"})
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            with pytest.raises(Refused) as caught:
                async with connect(node.port, "key1"):
                    pass
            assert caught.value.response.status == 503
        large = {"name": "e", "channels": ["a", "b"], "data": "x" * 12_000}
        # That it is signed cannot be known before its body is kept.
        assert (await api(node.port, OLD, "POST", "/events", large)).status == 413
    assert [record.message for record in caplog.records] == [
        "the apps cannot be looked up, serving those that are known",
        "request too large",
    ]
