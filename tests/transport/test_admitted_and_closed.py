"""The two ends of a WebSocket's life: an admission that has to be awaited, and what is sent once closing has begun."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from revurb import App
from revurb.bus.local import LocalBus
from revurb.config import Config, ServerConfig
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.node import Node
from tests.client import CLOSE, Client, Ended, connect, dial, handshake

APP = App(id="app-id", key="app-key", secret="app-secret")
CONFIG = Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,))


class AskedBus(LocalBus):
    """Admits when the test says so."""

    def admit(self, app_id: str, limit: int | None) -> asyncio.Future[bool]:  # type: ignore[override]
        super().admit(app_id, limit)
        self.granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.asked.set()
        return self.granted

    asked: asyncio.Event


async def test_a_client_is_heard_after_an_admission_that_was_awaited() -> None:
    buses: list[AskedBus] = []

    def make(receiver: Any) -> AskedBus:
        buses.append(AskedBus(receiver, MEMBER_EVENTS))
        buses[0].asked = asyncio.Event()
        return buses[0]

    node = Node(CONFIG, bus_factory=make)
    await node.start()
    (bus,) = buses
    dialling = asyncio.ensure_future(dial(node.port, handshake("/app/app-key?protocol=7")))
    async with asyncio.timeout(10):
        await bus.asked.wait()
        bus.granted.set_result(True)
        client: Client = await dialling
        await client.greeted()
        await client.subscribe("a")
        await client.expect_silence()
    await client.drop()
    await node.stop(drain_timeout_s=0)


async def test_nothing_follows_a_close_frame() -> None:
    node = Node(CONFIG)
    await node.start()
    async with connect(node.port, APP.key) as client:
        await client.subscribe("a")
        (websocket,) = node._connections.websockets
        websocket.close(4200, "moved")
        node.trigger(APP, ["a"], "e", "1")
        frame = await client.receive()
        assert (frame.opcode, frame.close_code) == (CLOSE, 4200)
        with pytest.raises(Ended):
            await client.receive()
    await node.stop(drain_timeout_s=0)
