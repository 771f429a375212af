"""Limits of addresses on a node, whose clients' addresses come from a trusted proxy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from revurb import App, Server
from revurb.apps import FixedApps
from tests.client import Client, Refused, api, connect, http, signed

APP = App(id="1", key="app-key", secret="app-secret", allowed_origins=("*",))
DISABLED = App(id="3", key="disabled-key", secret="app-secret", is_enabled=False)
STRICT = App(id="2", key="strict-key", secret="app-secret", allowed_origins=("good.com",))


class SlowApps(FixedApps):
    """Whose answers have to be awaited."""

    def find_by_key(self, key: str) -> Any:
        return self._later(super().find_by_key(key))

    async def _later(self, app: App | None) -> App | None:
        await asyncio.sleep(0)
        return app


@asynccontextmanager
async def serving(slow: bool = False, **limits: Any) -> AsyncIterator[Server]:
    apps: dict[str, Any] = (
        {"app_provider": SlowApps([APP, STRICT, DISABLED])} if slow else {"apps": [APP, STRICT, DISABLED]}
    )
    async with Server(port=0, trusted_proxies=["127.0.0.1"], **apps, **limits) as server:
        yield server


@asynccontextmanager
async def connected(
    server: Server, address: str, key: str = "app-key", *headers: tuple[str, str], greet: bool = True
) -> AsyncIterator[Client]:
    sent = [("X-Forwarded-For", address), *headers]
    async with connect(server.port, key, headers=sent, greet=greet) as client:
        yield client


async def refused(
    server: Server, address: str, key: str = "app-key", *headers: tuple[str, str]
) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        async with connected(server, address, key, *headers):
            pass
    response = caught.value.response
    return response.status, response.headers.get("retry-after", "")


async def error_of(server: Server, address: str, key: str = "app-key", *headers: tuple[str, str]) -> int:
    async with connected(server, address, key, *headers, greet=False) as client:
        return int((await client.expect("pusher:error"))["data"]["code"])


async def test_handshakes_in_a_second() -> None:
    async with serving(max_handshakes_per_address=2) as server:
        for _ in range(2):
            async with connected(server, "192.0.2.7"):
                pass
        assert await refused(server, "192.0.2.7") == (429, "1")
        async with connected(server, "192.0.2.8"):
            assert (await api(server.port, APP, "GET", "/channels")).status == 200
        for _ in range(5):
            async with connect(server.port, "app-key"):  # the proxy itself
                pass


@pytest.mark.parametrize("slow", [False, True], ids=["apps at once", "apps awaited"])
async def test_connections_at_a_time(slow: bool) -> None:
    async with serving(slow, max_connections_per_address=1) as server:
        async with connected(server, "2001:db8::1") as client:
            assert await error_of(server, "2001:db8::2") == 4100
            async with connected(server, "2001:db8:0:1::1") as other:
                await other.subscribe("a")
            await client.subscribe("a")
            assert server._node.connection_count >= 1
        deadline = asyncio.get_running_loop().time() + 5
        while server._node.connection_count:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.001)
        async with connected(server, "2001:db8::3"):
            pass


async def test_a_ban(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "revurb")
    async with serving(ban_after=3, ban_s=60.0) as server:
        assert await error_of(server, "192.0.2.7", "nope") == 4001
        assert await error_of(server, "192.0.2.7", "strict-key", ("Origin", "https://evil.com")) == 4009
        status, _ = await refused(server, "192.0.2.7", "app-key", ("Sec-WebSocket-Key", "nonsense"))
        assert status == 400
        assert await refused(server, "192.0.2.7") == (429, "60")
        (banned,) = [record for record in caplog.records if record.getMessage() == "address is banned"]
        assert vars(banned)["client"] == "192.0.2.7"
        async with connected(server, "192.0.2.8"):
            pass
        for _ in range(5):
            async with connect(server.port, "nope", greet=False) as client:
                await client.expect_error(4001)


async def test_a_request_that_offers_another_protocol_is_no_handshake() -> None:
    """Java's HTTP client offers `Upgrade: h2c` with each request to http://, also where it only asks."""
    offer = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAEAAEAAAAIAAAAA"),
    ]
    sent = [("X-Forwarded-For", "192.0.2.7"), *offer]
    async with serving(max_handshakes_per_address=1, ban_after=2, ban_s=60.0) as server:
        for _ in range(5):
            async with http(server.port) as connection:
                target = signed(APP, "GET", "/apps/1/channels")
                assert (await connection.request("GET", target, headers=sent)).status == 200
        async with connected(server, "192.0.2.7"):
            pass


async def test_that_the_server_is_full_is_nobodys_offence() -> None:
    async with serving(ban_after=1, max_connections=1) as server, connected(server, "192.0.2.7"):
        for _ in range(3):
            assert await error_of(server, "192.0.2.7") == 4100


async def test_hooks_hear_of_no_connection_that_never_was_open() -> None:
    heard: list[str] = []

    class Hooks:
        def on_connect(self, connection: Any) -> None:
            heard.append("opened")

        def on_disconnect(self, connection: Any) -> None:
            heard.append("closed")

    async with serving(max_connections_per_address=1, hooks=Hooks()) as server:
        async with connected(server, "192.0.2.7"):
            assert await error_of(server, "192.0.2.7") == 4100
        async with asyncio.timeout(5):
            while "closed" not in heard:
                await asyncio.sleep(0.001)
    assert heard == ["opened", "closed"]


def handshakes(server: Server) -> dict[str, float]:
    found = server._node.figures().values["handshakes_total"]
    return {labels[0]: numbers[0] for labels, numbers in found.items()}


async def test_what_addresses_are_refused_is_counted_as_such() -> None:
    async with serving(max_handshakes_per_address=3, max_connections_per_address=1) as server:
        async with connected(server, "192.0.2.7"):
            assert await error_of(server, "192.0.2.7") == 4100
            assert await error_of(server, "192.0.2.7", "disabled-key") == 4003
            assert await refused(server, "192.0.2.7") == (429, "1")
        assert handshakes(server) == {"accepted": 1, "address_full": 1, "app_disabled": 1, "too_many": 1}


async def test_without_limits_nobody_guards() -> None:
    async with serving() as server:
        assert type(server._node._connections.handler).__name__ == "Gateway"
