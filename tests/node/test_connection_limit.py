"""The limit of a node's connections: each token comes back once, however its connection ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from revurb import App
from revurb.bus.local import LocalBus
from revurb.config import Config, ServerConfig
from revurb.node.connection_limit import OwnConnectionLimit
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.node import Node
from tests.client import connect, handshake

APP = App(id="app-id", key="app-key", secret="app-secret", max_connections=1)
CONFIG = Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,))


class Counted(OwnConnectionLimit):
    """`held` tokens are taken; `quiet` is set when none is."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.held = 0
        self.quiet = asyncio.Event()

    def take(self) -> bool:
        taken = super().take()
        self.held += taken
        return taken

    def give_back(self) -> None:
        super().give_back()
        self.held -= 1
        if self.held == 0:
            self.quiet.set()


class AskedBus(LocalBus):
    """A bus that admits connections when the test says so."""

    asked: asyncio.Event
    granted: asyncio.Future[bool]

    def admit(self, app_id: str, limit: int | None) -> asyncio.Future[bool]:  # type: ignore[override]
        self.asked.set()
        return self.granted

    def release(self, app_id: str) -> None:
        """It counts none of its own."""


def test_there_are_as_many_as_the_limit() -> None:
    limit = OwnConnectionLimit(2)
    assert [limit.take() for _ in range(3)] == [True, True, False]
    limit.give_back()
    assert [limit.take() for _ in range(2)] == [True, False]


async def test_a_session_gives_its_token_back_and_so_does_a_refusal() -> None:
    limit = Counted(2)
    node = Node(CONFIG, connection_limit=limit)
    await node.start()
    async with connect(node.port) as client:
        await client.subscribe("a")
        async with connect(node.port, greet=False) as second:
            await second.expect_error(4004)  # of the app, which may have one
            assert limit.held == 1
    async with asyncio.timeout(10):
        await limit.quiet.wait()
    await node.stop(drain_timeout_s=0)
    assert limit.held == 0


@pytest.mark.parametrize("outcome", ["granted", "refused", "failed", "cancelled"])
async def test_a_client_that_is_gone_before_it_is_admitted_leaves_no_token(outcome: str) -> None:
    limit = Counted(2)
    buses: list[AskedBus] = []

    def make(receiver: Any) -> AskedBus:
        bus = AskedBus(receiver, MEMBER_EVENTS)
        bus.asked, bus.granted = asyncio.Event(), asyncio.get_running_loop().create_future()
        buses.append(bus)
        return bus

    node = Node(CONFIG, bus_factory=make, connection_limit=limit)
    await node.start()
    (bus,) = buses
    async with asyncio.timeout(10):
        with socket.create_connection(("127.0.0.1", node.port)) as client:
            client.sendall(handshake("/app/app-key"))
            await bus.asked.wait()
            assert limit.held == 1
            # Closing then sends a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        while node._connections.http:
            await asyncio.sleep(0)
    if outcome == "failed":
        bus.granted.set_exception(ConnectionError("gone"))
    elif outcome == "cancelled":
        bus.granted.cancel()
    else:
        bus.granted.set_result(outcome == "granted")
    async with asyncio.timeout(10):
        await limit.quiet.wait()
    await node.stop(drain_timeout_s=0)
    assert limit.held == 0
