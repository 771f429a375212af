"""The limit of members of a presence channel, over the nodes of a server: the hub, and a real Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revurb.apps import App, AppLimits
from revurb.node.node import Node
from tests.client import Client, api, connect
from tests.conftest import Need
from tests.node.together import hub, nodes, redis

LIMIT = 4
APP = App(id="1", key="k", secret="s", limits=AppLimits(max_presence_members=LIMIT))
ROOM = "presence-room"


@contextlib.asynccontextmanager
async def cluster(kind: str, need: Need, path: Path) -> AsyncIterator[list[Node]]:
    bus = redis(need("redis-server"), path) if kind == "redis" else hub(path)
    async with bus as join, nodes(2, join, APP) as started:
        yield started


async def join(client: Client, user_id: str) -> str:
    """The type of the refusal, "" if there is none."""
    data = json.dumps({"user_id": user_id})
    auth = f"k:{APP.sign(f'{client.socket_id}:{ROOM}:{data}')}"
    await client.send(
        {"event": "pusher:subscribe", "data": {"channel": ROOM, "auth": auth, "channel_data": data}}
    )
    while True:
        event = await client.next_event()
        if event["event"] == "pusher_internal:subscription_succeeded":
            return ""
        if event["event"] == "pusher:subscription_error":
            told = json.loads(event["data"])
            return f"{told['type']} {told['status']}"


async def members(node: Node) -> list[str]:
    answer = await api(node.port, APP, "GET", f"/channels/{ROOM}/users")
    return sorted(user["id"] for user in json.loads(answer.text)["users"])


@pytest.mark.parametrize("kind", ["hub", "redis"])
async def test_one_too_many_is_refused_on_every_node(kind: str, need: Need, tmp_path: Path) -> None:
    async with cluster(kind, need, tmp_path) as started, contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(started[number % 2].port, "k"))
            for number in range(LIMIT + 3)
        ]
        for number in range(LIMIT):
            assert await join(clients[number], str(number)) == ""
        for client in clients[LIMIT : LIMIT + 2]:  # one on each node
            assert await join(client, "more") == "LimitReached 4100"
        # A user who is present through the other node may join.
        assert await join(clients[LIMIT + 2], "1") == ""
        assert await members(started[0]) == [str(number) for number in range(LIMIT)]
        for client in clients[:LIMIT]:
            assert not [frame for frame in await client.flushed() if b"more" in frame.payload]


@pytest.mark.parametrize("kind", ["hub", "redis"])
async def test_many_who_come_at_once_are_never_more_than_may_stay(
    kind: str, need: Need, tmp_path: Path
) -> None:
    async with cluster(kind, need, tmp_path) as started, contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(started[number % 2].port, "k")) for number in range(30)
        ]
        told = await asyncio.gather(*(join(client, str(number)) for number, client in enumerate(clients)))
        assert set(told) == {"", "LimitReached 4100"}
        inside = sorted(str(number) for number, answer in enumerate(told) if not answer)
        assert len(inside) == LIMIT
        assert await members(started[0]) == inside
        for number in map(int, inside):  # and they saw nobody come who was refused
            seen = [
                json.loads(json.loads(frame.payload)["data"]) for frame in await clients[number].flushed()
            ]
            assert {one["user_id"] for one in seen} <= set(inside)
