"""Whole Revurb nodes, as the configuration joins them, among played PHP nodes: clients and requests on both sides."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import pytest

from revurb.apps import App
from revurb.config import Config, RedisConfig, ScalingConfig, ServerConfig
from revurb.node.bus_factory import choose_bus_factory
from revurb.node.node import Node
from tests.bus.reverb.php_node import PhpNode, captured
from tests.client import api, connect
from tests.conftest import Need, Run
from tests.redis_server import RedisServer

APP = App(id="app1", key="key1", secret="secret1")
ROOM = "presence-r"


@pytest.fixture
def server(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


@contextlib.asynccontextmanager
async def among(
    server: RedisServer, php_node: PhpNode, protocol: Literal["auto", "revurb", "reverb"] = "auto"
) -> AsyncIterator[tuple[Node, Node]]:
    """Two Revurb nodes that come to a PHP node."""
    scaling = ScalingConfig(
        enabled=True,
        protocol=protocol,
        reverb_release="1.7",
        redis=RedisConfig(url=f"unix://{server.socket}", lease_s=1),
    )
    config = Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,), scaling=scaling)
    one, two = (Node(config, bus_factory=choose_bus_factory(config)) for _ in range(2))
    await php_node.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(php_node.stop)
        for node in (one, two):
            await node.start()
            stack.push_async_callback(node.stop, 1)
        yield one, two
        await php_node.everything()
        assert php_node.dead is None, php_node.dead


async def test_clients_hear_each_other(server: RedisServer) -> None:
    php_node = PhpNode(server, s_1={"pub": None, "private-x": None})
    async with among(server, php_node) as (one, two), connect(one.port, "key1") as here:
        async with connect(two.port, "key1") as there:
            for client in (here, there):
                await client.subscribe("pub")
                await client.subscribe("private-x", APP)
            body = {"name": "ours", "channel": "pub", "data": "é/1", "socket_id": there.socket_id}
            assert (await api(one.port, APP, "POST", "/events", body)).status == 200
            assert (await here.expect("ours"))["data"] == "é/1"
            await here.send({"event": "client-x", "channel": "private-x", "data": {"n": 1}})
            assert (await there.expect("client-x"))["data"] == {"n": 1}
            await here.expect_silence()
            await php_node.everything()
            assert [event["event"] for event in php_node.clients["s.1"].got] == ["ours", "client-x"]

            await php_node.publish(
                captured("04-event-socket-id-1").replace(b"443542127.664247713", here.socket_id.encode())
            )
            assert (await there.expect("my-event"))["data"] == "1"
            await here.expect_silence()
            await there.expect_silence()


async def test_members_and_questions_and_ends(server: RedisServer) -> None:
    php_node = PhpNode(server, s_1={ROOM: "1"}, s_2={"pub": None})
    async with among(server, php_node) as (one, two), connect(two.port, "key1") as client:
        await client.subscribe(ROOM, APP, {"user_id": "2"})
        await php_node.until(lambda: php_node.clients["s.1"].got)
        added = php_node.clients["s.1"].got[0]
        assert (added["event"], json.loads(added["data"])["user_id"]) == ("pusher_internal:member_added", "2")

        async def get(path: str, **query: str) -> object:
            return json.loads((await api(one.port, APP, "GET", path, query=query)).text)

        assert await get(f"/channels/{ROOM}/users") == {"users": [{"id": "2"}, {"id": "1"}]}
        assert await get("/connections") == {"connections": 3}
        assert await get(f"/channels/{ROOM}", info="user_count") == {"occupied": True, "user_count": 2}
        assert await get("/channels") == {"channels": {ROOM: {}, "pub": {}}}
        receivers, answers = await php_node.question(captured("14-metrics-channel-presence-1"))
        assert receivers == len(answers) == 3
        assert sum(answer.get("user_count", 0) for answer in answers) == 2

        await php_node.publish(captured("25-terminate-1"))
        await client.expect_error(4009)
        assert await client.closed() == 4009
        await php_node.until(lambda: len(php_node.clients["s.1"].got) == 2)
        assert (await api(one.port, APP, "POST", "/users/1/terminate_connections")).status == 200
        await php_node.until(lambda: "s.1" not in php_node.clients)


async def test_php_nodes_are_left_alone_where_the_configuration_says_so(server: RedisServer) -> None:
    php_node = PhpNode(server, s_1={"pub": None})
    async with among(server, php_node, "revurb") as (one, two), connect(two.port, "key1") as client:
        await client.subscribe("pub")
        await api(one.port, APP, "POST", "/events", {"name": "ours", "channel": "pub", "data": "1"})
        await client.expect("ours")
        assert await php_node.publish(captured("02-event-channel-1")) == 1
        await client.expect_silence()
        await php_node.everything()
        assert [event["event"] for event in php_node.clients["s.1"].got] == ["my-event"]


async def test_users_among_php_nodes(server: RedisServer) -> None:
    """What users and those who watch them are told is not sent there, where anybody may subscribe to any such channel;
    and PHP applications send to users here."""
    php_node = PhpNode(server, s_1={"#server-to-user-ann": None, "#online-ann": None})
    async with among(server, php_node) as (one, two), connect(one.port, "key1") as ann:
        async with connect(two.port, "key1") as bob:
            await bob.sign_in(APP, "bob", ["ann"])
            await ann.sign_in(APP, "ann")
            assert await bob.told_of() == ("online", ["ann"])
            body = {"name": "note", "channel": "#server-to-user-ann", "data": "secret"}
            for node in (one, two):
                assert (await api(node.port, APP, "POST", "/events", body)).status == 200
                await ann.expect("note")
            await php_node.everything()
            assert not [message for message in php_node.received if b"secret" in message]
            to_ann = captured("02-event-channel-1").replace(b'"pub"', b'"#server-to-user-ann"')
            assert b"#server-to-user-ann" in to_ann
            await php_node.publish(to_ann.replace(b'\\"pub\\"', b'\\"#server-to-user-ann\\"'))
            assert (await ann.expect("my-event"))["channel"] == "#server-to-user-ann"
            whisper = captured("08-client-event-1").replace(b"private-x", b"#server-to-user-ann")
            assert await php_node.publish(whisper) > 1
            await php_node.publish(to_ann.replace(b'\\"pub\\"', b'\\"#server-to-user-ann\\"'))
            await ann.expect("my-event")  # the next thing: clients of a PHP node send nothing to users
            _, answers = await php_node.question(captured("16-metrics-channels-1"))
            names = sorted(name for answer in answers for name in answer)
            assert names == ["#online-ann", "#server-to-user-ann"], "those of the PHP node's own client"
            assert (await api(one.port, APP, "POST", "/users/ann/terminate_connections")).status == 200
            assert await bob.told_of() == ("offline", ["ann"])
            await php_node.everything()
            assert not [message for message in php_node.received if b"watchlist" in message]
