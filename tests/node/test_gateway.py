"""Which upgrade requests become sessions, and which are refused over the WebSocket."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace
from typing import Any

import pytest

from revurb import App, Server
from revurb.apps import FixedApps
from revurb.bus.local import LocalBus
from revurb.config import Config, ServerConfig
from revurb.config.config import LimitsConfig, LogConfig
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.node import Node
from revurb.pusher.session import Refusal, Session
from revurb.transport.handlers import Upgrade
from revurb.wire.http import HttpReader
from tests.client import connect, handshake, http
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


def test_the_subprotocol_of_pusher_is_taken_up_and_no_other(run: Run) -> None:
    offers = {
        "pusher-channels-protocol-7": "pusher-channels-protocol-7",
        "chat, pusher-channels-protocol-5, pusher-channels-protocol-7": "pusher-channels-protocol-5",
        "chat, pusher": None,
        "pusher-channels-protocol-x": None,
        "pusher-channels-protocol-70000": None,
    }

    async def main() -> None:
        async with Server(apps=[APP], port=0, compression="shared") as server:
            for offered, taken in offers.items():
                headers = [
                    ("Sec-WebSocket-Protocol", offered),
                    ("Sec-WebSocket-Extensions", "permessage-deflate"),
                ]
                async with connect(server.port, headers=headers) as client:
                    assert client.response.headers.get("sec-websocket-protocol") == taken
                    assert "sec-websocket-extensions" in client.response.headers
                async with connect(server.port, "nope", headers=headers, greet=False) as client:
                    assert client.response.headers.get("sec-websocket-protocol") == taken
                    await client.expect_error(4001)

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


class SlowBus(LocalBus):
    """A bus that admits connections when the test says so."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked, self.released = asyncio.Event(), asyncio.Event()
        self.granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def admit(self, app_id: str, limit: int | None) -> asyncio.Future[bool]:  # type: ignore[override]
        self.asked.set()
        return self.granted

    def release(self, app_id: str) -> None:
        self.released.set()


def test_an_admission_that_comes_after_the_client_has_gone_is_released(run: Run) -> None:
    async def main() -> None:
        config = Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,))
        node = Node(config, bus_factory=lambda receiver: SlowBus(receiver, MEMBER_EVENTS))
        await node.start()
        bus = node._bus
        assert isinstance(bus, SlowBus)
        with socket.create_connection(("127.0.0.1", node.port)) as client:
            client.sendall(handshake("/app/app-key"))
            await bus.asked.wait()
            # Closing then sends a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with asyncio.timeout(10):
            while node._connections.http:
                await asyncio.sleep(0)
            assert not bus.released.is_set()
            bus.granted.set_result(True)
            await bus.released.wait()
        assert node.connection_count == 0
        await node.stop()

    run(main())


OTHER = replace(APP, id="2", key="other")
CASES = {
    "plain": ((APP,), None, b"", True),
    "with an origin": ((APP,), None, b"Origin: https://example.com\r\n", True),
    "of an origin that may": (
        (replace(APP, allowed_origins=("example.com",)),),
        None,
        b"Origin: https://example.com\r\n",
        True,
    ),
    "of one that may not": (
        (replace(APP, allowed_origins=("example.com",)),),
        None,
        b"Origin: https://x.org\r\n",
        False,
    ),
    "without one": ((replace(APP, allowed_origins=("example.com",)),), None, b"", False),
    "of an unknown app": ((OTHER,), None, b"", False),
    "of an app that is off": ((replace(APP, is_enabled=False), OTHER), None, b"", False),
    "below all limits": ((replace(APP, max_connections=1),), 1, b"", True),
    "over a subprotocol": ((APP,), None, b"Sec-WebSocket-Protocol: pusher-channels-protocol-7\r\n", False),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_plain_handshake_gets_what_a_request_gets(case: str) -> None:
    apps, most, field, is_let_in = CASES[case]
    config = Config(
        server=ServerConfig(host="127.0.0.1", port=0), apps=apps, limits=LimitsConfig(max_connections=most)
    )
    node = Node(config)
    await node.start()
    connections = node._connections
    assert connections.welcome is not None
    data = handshake("/app/app-key?protocol=7").replace(b"\r\n", b"\r\n" + field, 1)
    upgrade = connections.welcome(data)
    assert (upgrade is not None) == is_let_in
    assert node._bus.connections(APP.id) == is_let_in
    if upgrade is not None:
        assert isinstance(upgrade.handler, Session)
        assert upgrade.handler.origin == ("https://example.com" if field else None)
        assert (connections.welcome(data) is None) == (most == 1)  # one more
        upgrade.handler.closed()
    (request,) = HttpReader(max_head_bytes=1000, max_body_bytes=0).feed(data)
    answer = connections.handler.on_request(request)
    if upgrade is not None:
        assert isinstance(answer, Upgrade)
        assert (answer.head, type(answer.handler)) == (upgrade.head, type(upgrade.handler))
    elif isinstance(answer, Upgrade):
        assert isinstance(answer.handler, Refusal) or case == "over a subprotocol"
    await node.stop(drain_timeout_s=0)


async def test_where_requests_have_to_be_seen_whole_nothing_is_ahead_of_them() -> None:
    server = ServerConfig(host="127.0.0.1", port=0)
    for config in (
        Config(server=replace(server, trusted_proxies=("127.0.0.1",)), apps=(APP,)),
        Config(server=server, apps=(APP,), log=LogConfig(access="all")),
        Config(server=server, apps=(APP,), limits=LimitsConfig(max_connections_per_address=5)),
    ):
        node = Node(config)
        await node.start()
        assert node._connections.welcome is None
        await node.stop(drain_timeout_s=0)
