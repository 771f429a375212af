"""Requests with a key to two nodes over the real buses: one event."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from revurb.apps import App
from revurb.config import Config, ServerConfig
from revurb.node.node import Node
from tests.client import Response, connect, http, signed
from tests.conftest import Need
from tests.node.together import BusFactory, hub, redis

APP = App(id="1", key="key1", secret="secret1")


async def publish(node: Node, key: str, path: str = "events", in_body: bool = False) -> Response:
    event: dict[str, object] = {"name": "e", "channel": "a", "data": key}
    body: dict[str, object] = event if path == "events" else {"batch": [event]}
    raw = json.dumps(body | ({"idempotency_key": key} if in_body else {})).encode()
    headers = [] if in_body else [("Idempotency-Key", key)]
    async with http(node.port) as connection:
        return await connection.request("POST", signed(APP, "POST", f"/apps/1/{path}", raw), raw, headers)


async def are_done_once(factory: BusFactory) -> None:
    nodes = [
        Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)), bus_factory=factory)
        for _ in (1, 2)
    ]
    for node in nodes:
        await node.start()
    try:
        async with connect(nodes[1].port, APP.key) as client:
            await client.subscribe("a")
            for path, in_body in (
                ("events", False),
                ("events", True),
                ("batch_events", False),
                ("batch_events", True),
            ):
                key = f"{path}{in_body}"
                for node in (*nodes, *nodes):
                    answer = await publish(node, key, path, in_body)
                    assert (answer.status, answer.body) == (200, b"{}")
                assert (await client.expect("e", "a"))["data"] == key
            answers = await asyncio.gather(*(publish(nodes[number % 2], "together") for number in range(8)))
            assert {answer.status for answer in answers} <= {200, 409}
            assert (await publish(nodes[0], "together")).status == 200
            assert (await client.expect("e", "a"))["data"] == "together"
            await client.expect_silence()
    finally:
        for node in nodes:
            await node.stop(drain_timeout_s=0)


async def test_over_the_hub(tmp_path: Path) -> None:
    async with hub(tmp_path) as factory:
        await are_done_once(factory)


async def test_over_redis(need: Need, tmp_path: Path) -> None:
    async with redis(need("redis-server"), tmp_path) as factory:
        await are_done_once(factory)
