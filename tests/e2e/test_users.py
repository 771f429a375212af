"""Users: pusher-js signs in and watches, server SDKs send to users, on one process, on workers and over Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

from revurb.pusher.socket_id import process_of
from tests.client import Client, api, connect
from tests.conftest import Need, Run
from tests.e2e.auth_endpoint import AuthEndpoint, auth_endpoint
from tests.e2e.conftest import APP, Stages
from tests.e2e.node import Node, options, start
from tests.e2e.test_workers import TRIES, open_on
from tests.processes.serving import Serving, pids, serving
from tests.processes.test_single_node import APP as SERVED
from tests.redis_server import RedisServer

PHP = Path(__file__).parent / "send_to_user.php"


def watching(watchlist: str) -> dict[str, Any]:
    return {"params": {"watchlist": watchlist}}


async def sign_in(node: Node, client: str, user: str) -> None:
    await node.do("signin", client)
    data = await node.event(client, "pusher:signin_success", "user")
    assert json.loads(data["user_data"])["id"] == user


async def told(node: Node, client: str, event: str) -> list[str]:
    user_ids: list[str] = await node.event(client, event, "watchlist")
    return user_ids


async def test_pusher_js_is_told_what_is_sent_to_its_user(stage: Stages, need: Need) -> None:
    async with stage() as s:
        for client, user in (("tab1", "7"), ("tab2", "7"), ("other", "8")):
            await s.open(client, user)
            await sign_in(s.node, client, user)
        await s.open("nobody", "7")
        await s.node.subscribe("nobody", "end")
        address = {"host": "127.0.0.1", "port": s.server.port}
        sdk: dict[str, Any] = {
            "client": "sdk",
            "options": {"appId": APP.id, "key": APP.key, "secret": APP.secret, **address},
        }
        await asyncio.to_thread(s.sdk.send_to_user, "7", "note", {"from": "python"})
        await s.node.do("server", **sdk, method="sendToUser", parameters=["7", "note", {"from": "node"}])
        assert await s.node.event("sdk", "sendToUser") == 200
        arguments = (str(s.server.port), APP.id, APP.key, APP.secret, "7", "note", '{"from":"php"}')
        php = await asyncio.create_subprocess_exec(
            need("php"), str(PHP), *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert (await php.communicate())[0] == b"{}\n"
        for client in ("tab1", "tab2"):
            for sender in ("python", "node", "php"):
                assert await s.node.event(client, "note", "user") == {"from": sender}
        await s.trigger("end", "end", {})
        assert await s.node.event("nobody", "end") == {}
        await s.node.do("server", **sdk, method="terminateUserConnections", parameters=["7"])
        assert await s.node.event("sdk", "terminateUserConnections") == 200
        for client in ("tab1", "tab2"):
            assert (await s.node.error(client))["code"] == 4009
            await s.node.state(client, "disconnected")
        await asyncio.to_thread(s.sdk.send_to_user, "8", "note", 1)
        assert await s.node.event("other", "note", "user") == 1


async def test_what_the_node_sdk_signs_is_a_user(stage: Stages) -> None:
    async with stage() as s, connect(s.server.port, APP.key) as client:
        options = {"appId": APP.id, "key": APP.key, "secret": APP.secret}
        user = {"id": "ann;7", "user_info": {"name": "Ann"}, "watchlist": ["8"]}
        parameters = [client.socket_id, user]
        await s.node.do("server", "sdk", options=options, method="authenticateUser", parameters=parameters)
        await client.send({"event": "pusher:signin", "data": await s.node.event("sdk", "authenticateUser")})
        await client.expect("pusher:signin_success")
        await asyncio.to_thread(s.sdk.send_to_user, "ann;7", "note", 1)
        await client.expect("note", "#server-to-user-ann;7")


async def test_pusher_js_with_a_forged_signature_stays_nobody(stage: Stages) -> None:
    async with stage() as s:
        await s.open("a", "7", params={"forge": "1"})
        await s.node.do("signin", "a")
        assert (await s.node.error("a"))["code"] == 4009
        await s.node.subscribe("a", "news")
        await asyncio.to_thread(s.sdk.send_to_user, "7", "note", 1)
        await s.trigger("news", "end", {})
        assert await s.node.event("a", "end") == {}


async def test_pusher_js_joins_presence_channels_as_its_user(stage: Stages) -> None:
    async with stage() as s:
        await s.open("w", "w")
        await s.node.subscribe("w", "presence-room")
        await s.open("a", "7", params={"signed_in": "1"})
        await sign_in(s.node, "a", "7")
        joined = await s.node.subscribe("a", "presence-room")
        assert joined["me"] == "7"
        assert joined["members"]["7"] == {"name": "User 7"}
        assert (await s.node.event("w", "pusher:member_added"))["info"] == {"name": "User 7"}


async def test_pusher_js_signs_in_again_after_a_break(stage: Stages) -> None:
    async with stage() as s:
        await s.open("w", "w", params={"watchlist": "7"})
        await sign_in(s.node, "w", "w")
        await s.open("a", "7")
        await sign_in(s.node, "a", "7")
        assert await told(s.node, "w", "online") == ["7"]
        await s.node.do("close", "a")
        assert await told(s.node, "w", "offline") == ["7"]
        await s.node.do("connect", "a")
        await s.node.event("a", "pusher:signin_success", "user")
        assert await told(s.node, "w", "online") == ["7"]
        await asyncio.to_thread(s.sdk.send_to_user, "7", "note", 1)
        assert await s.node.event("a", "note", "user") == 1


def settings(port: int, auth: AuthEndpoint, user: str, watchlist: str = "") -> dict[str, Any]:
    params = {"user": user, "watchlist": watchlist}
    return options(port, userAuthentication={"transport": "ajax", "endpoint": auth.url, "params": params})


async def test_users_of_two_workers(tmp_path: Path, node_program: str) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "1") as server:
        sdk = pusher.Pusher(
            SERVED.id, SERVED.key, SERVED.secret, host="127.0.0.1", port=server.port, ssl=False
        )
        first, second = pids(server)
        async with start(node_program) as node, auth_endpoint(sdk) as auth:
            for client, user, watchlist, pid in (
                ("ann", "ann", "", first),
                ("bob", "bob", "ann,cem", second),
                ("cem", "cem", "bob", first),
                ("ann2", "ann", "", second),
            ):
                assert pid is not None
                await open_on(node, pid, client, settings(server.port, auth, user, watchlist))
                await sign_in(node, client, user)
            assert await told(node, "bob", "online") == ["ann"]
            assert await told(node, "bob", "online") == ["cem"]
            assert await told(node, "cem", "online") == ["bob"]
            await asyncio.to_thread(sdk.send_to_user, "ann", "note", 1)
            for client in ("ann", "ann2"):
                assert await node.event(client, "note", "user") == 1
            await node.do("close", "ann")
            # The SDK for Python has a path that no server knows.
            await api(server.port, SERVED, "POST", "/users/ann/terminate_connections")
            await node.state("ann2", "disconnected")
            assert await told(node, "bob", "offline") == ["ann"]


async def test_users_of_a_worker_that_is_killed_go_offline(tmp_path: Path, node_program: str) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        sdk = pusher.Pusher(
            SERVED.id, SERVED.key, SERVED.secret, host="127.0.0.1", port=server.port, ssl=False
        )
        here, there = pids(server)
        assert here is not None
        assert there is not None
        async with (
            start(node_program) as node,
            auth_endpoint(sdk) as auth,
            contextlib.AsyncExitStack() as stack,
        ):
            await open_on(node, here, "w", settings(server.port, auth, "w", "ann,bob"))
            await sign_in(node, "w", "w")
            for user, pid in (
                ("ann", there),
                ("bob", there),
                ("ann", here),
            ):  # who do not come back, as pusher-js would
                client = await connected_to(stack, server.port, pid)
                await client.sign_in(SERVED, user)
            assert await told(node, "w", "online") == ["ann"]
            assert await told(node, "w", "online") == ["bob"]
            os.kill(there, signal.SIGKILL)
            assert await told(node, "w", "offline") == ["bob"]
            await client.close()
            assert await told(node, "w", "offline") == ["ann"]


async def connected_to(stack: contextlib.AsyncExitStack, port: int, pid: int) -> Client:
    """A connection to the worker `pid`: asks until it is given to that one."""
    for _ in range(TRIES):
        client = await stack.enter_async_context(connect(port, SERVED.key))
        if process_of(client.socket_id) == pid:
            return client
    raise AssertionError(f"no connection to {pid}")


@pytest.fixture
def redis(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_users_of_two_nodes_of_which_one_is_killed(
    tmp_path: Path, redis: RedisServer, node_program: str, workers: str
) -> None:
    environment: Mapping[str, str] = {
        "REVERB_SCALING_ENABLED": "true",
        "REDIS_URL": f"unix://{redis.socket}",
        "REVURB_REDIS_LEASE": "2",
    }
    flags = ("--workers", workers)
    with (
        serving(tmp_path, *flags, environment=environment) as one,
        serving(tmp_path, *flags, environment=environment) as two,
    ):
        sdk = pusher.Pusher(SERVED.id, SERVED.key, SERVED.secret, host="127.0.0.1", port=one.port, ssl=False)
        async with start(node_program) as node, auth_endpoint(sdk) as auth:
            for client, user, watchlist, server in (
                ("w", "w", "ann,bob", one),
                ("ann1", "ann", "", one),
                ("ann2", "ann", "", two),
                ("bob", "bob", "ann", two),
            ):
                await node.open(client, SERVED.key, settings(server.port, auth, user, watchlist))
                await sign_in(node, client, user)
            assert await told(node, "w", "online") == ["ann"]
            assert await told(node, "w", "online") == ["bob"]
            assert await told(node, "bob", "online") == ["ann"]
            await asyncio.to_thread(sdk.send_to_user, "ann", "note", 1)
            for client in ("ann1", "ann2"):
                assert await node.event(client, "note", "user") == 1
            kill_all(two)
            assert await told(node, "w", "offline") == ["bob"]  # Ann is still there through the other node
            await asyncio.to_thread(sdk.send_to_user, "ann", "note", 2)
            assert await node.event("ann1", "note", "user") == 2
            await node.do("close", "ann1")
            assert await told(node, "w", "offline") == ["ann"]


def kill_all(server: Serving) -> None:
    """End a server and its workers as a power cut would."""
    running = [process.pid for process in server.status().processes if process.pid is not None]
    server.signal(signal.SIGKILL)
    for pid in running:
        with contextlib.suppress(ProcessLookupError):  # it is the server itself, or has followed it
            os.kill(pid, signal.SIGKILL)
