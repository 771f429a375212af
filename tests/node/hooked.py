"""A node with hooks for tests, and what clients do there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from revurb import App
from revurb.config import Config, HooksConfig, ServerConfig
from revurb.node.node import Node
from tests.client import PATIENCE_S, Client, channel_auth

APP = App(id="1", key="key1", secret="secret", accept_client_events_from="members")
ROOM, WHISPER = "private-room", "client-w"


@contextlib.asynccontextmanager
async def served(*hooks: object, **options: Any) -> AsyncIterator[Node]:
    config = Config(
        server=ServerConfig(host="127.0.0.1", port=0),
        apps=(APP,),
        hooks=HooksConfig(**{"sample": 1, **options}),
    )
    node = Node(config, hooks=hooks)
    await node.start()
    try:
        yield node
    finally:
        await node.stop(drain_timeout_s=0)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def asks(client: Client, channel: str) -> None:
    auth = {"auth": channel_auth(APP, client.socket_id, channel)} if channel.startswith("private") else {}
    await client.send({"event": "pusher:subscribe", "data": {"channel": channel, **auth}})


async def subscribed(client: Client, channel: str) -> None:
    await asks(client, channel)
    await client.expect("pusher_internal:subscription_succeeded", channel)
