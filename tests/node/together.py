"""Nodes that are one server, on this event loop: over the hub, and what more engines there are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

from revurb.apps import App, FixedApps
from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.engine import BusEngine
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.event_log import shared_log
from revurb.bus.hub.hub_link import HubLink
from revurb.bus.hub.hub_server import HubServer
from revurb.bus.redis.redis_link import RedisLink
from revurb.config import Config, ServerConfig
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.node import Node
from revurb.pusher.ports import Receiver
from tests.redis_server import RedisServer

BusFactory = Callable[[Receiver], BusEngine]


@contextlib.asynccontextmanager
async def hub(path: Path) -> AsyncIterator[BusFactory]:
    """A broker; what is given joins one more worker to it."""
    with shared_log(16) as log:
        broker = Broker(MEMBER_EVENTS, log, asyncio.get_running_loop().time, lease_s=5)
        server, numbers = HubServer(broker, str(path / "hub.sock")), count()
        await server.start()
        try:
            yield lambda receiver: BrokeredBus(
                f"w{next(numbers)}",
                receiver,
                MEMBER_EVENTS,
                lambda owner: HubLink(str(path / "hub.sock"), log, owner),
            )
        finally:
            await server.stop()


@contextlib.asynccontextmanager
async def redis(program: str, path: Path) -> AsyncIterator[BusFactory]:
    """A Redis; what is given joins one more node to it."""
    server, numbers = RedisServer(program, path), count()
    await server.start()

    def join(receiver: Receiver) -> BusEngine:
        name = f"n{next(numbers)}"
        return BrokeredBus(
            name, receiver, MEMBER_EVENTS, lambda owner: RedisLink(owner, name, server.client, MEMBER_EVENTS)
        )

    try:
        yield join
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def nodes(number: int, join: BusFactory, *apps: App) -> AsyncIterator[list[Node]]:
    """That many nodes, each on a port of its own, which look `apps` up."""
    config = Config(server=ServerConfig(host="127.0.0.1", port=0), apps=apps)
    started: list[Node] = []
    try:
        for _ in range(number):
            node = Node(config, FixedApps(apps), join)
            await node.start()
            started.append(node)
        yield started
    finally:
        for node in started:
            await node.stop(drain_timeout_s=1)
