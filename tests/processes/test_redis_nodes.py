"""Nodes in processes of their own, on a real Redis: one is killed, one stands still and comes back."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from revurb.apps import App
from revurb.processes.control_socket import ControlRequest
from tests.client import Client, api, connect
from tests.conftest import Need, Run
from tests.processes.pinned import http_of
from tests.processes.serving import Serving, serving, workers
from tests.redis_server import RedisServer

DEV = App(id="1", key="key1", secret="secret1")
ROOM = "presence-room"
LEASE = {"REVURB_REDIS_LEASE": "2"}


@pytest.fixture
def server(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


def environment(server: RedisServer, **more: str) -> dict[str, str]:
    return {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{server.socket}", **more}


@pytest.fixture
def nodes(server: RedisServer, tmp_path: Path) -> Iterator[tuple[Serving, Serving]]:
    """Two nodes that soon count as dead when they are not heard."""
    with (
        serving(tmp_path, environment=environment(server, **LEASE)) as one,
        serving(tmp_path, environment=environment(server, **LEASE)) as two,
    ):
        yield one, two


def user(name: str) -> dict[str, str]:
    return {"user_id": name}


async def ids(node: Serving) -> list[str]:
    response = await api(node.port, DEV, "GET", f"/channels/{ROOM}/users")
    return sorted(member["id"] for member in json.loads(response.text).get("users", []))


@asynccontextmanager
async def bob_gone(one: Serving, two: Serving, by: signal.Signals) -> AsyncIterator[tuple[Client, Client]]:
    """Ann's client on node one and Bob's on node two, after they met in the room and a signal ended or stopped two."""
    async with connect(one.port, DEV.key) as here, connect(two.port, DEV.key) as there:
        await here.subscribe(ROOM, DEV, user("ann"))
        await there.subscribe(ROOM, DEV, user("bob"))
        await here.expect("pusher_internal:member_added")
        two.signal(by)
        removed = await here.expect("pusher_internal:member_removed")
        assert json.loads(removed["data"]) == user("bob")
        yield here, there


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nodes_on_one_redis_are_one_server(
    server: RedisServer, run: Run, tmp_path: Path, workers: str
) -> None:
    with (
        serving(tmp_path, "--workers", workers, environment=environment(server)) as one,
        serving(tmp_path, environment=environment(server)) as two,
    ):

        async def main() -> None:
            async with connect(one.port, DEV.key) as here, connect(two.port, DEV.key) as there:
                await here.subscribe("news")
                await there.subscribe("news")
                body = {"name": "e", "channel": "news", "data": "x"}
                assert (await api(two.port, DEV, "POST", "/events", body)).status == 200
                await here.expect("e")
                await there.expect("e")
                response = await api(one.port, DEV, "GET", "/connections")
                assert json.loads(response.text) == {"connections": 2}

        run(main())
        for node in (one, two):
            node.signal(signal.SIGTERM)
        for node in (one, two):
            assert node.ended() == 0


def test_a_node_that_is_killed_leaves_nothing_behind(nodes: tuple[Serving, Serving], run: Run) -> None:
    one, two = nodes

    async def main() -> None:
        async with bob_gone(one, two, signal.SIGKILL) as (here, _):
            assert await ids(one) == ["ann"]
            await here.expect_silence()

    run(main())


def test_a_node_that_stood_still_repairs_itself(nodes: tuple[Serving, Serving], run: Run) -> None:
    one, two = nodes

    async def main() -> None:
        async with bob_gone(one, two, signal.SIGSTOP) as (here, there):
            body = {"name": "meanwhile", "channel": ROOM, "data": "x"}
            assert (await api(one.port, DEV, "POST", "/events", body)).status == 200
            await here.expect("meanwhile")
            two.signal(signal.SIGCONT)
            added = await here.expect("pusher_internal:member_added")
            assert json.loads(added["data"])["user_id"] == "bob"
            names = [(await there.next_event())["event"] for _ in range(2)]
            assert "meanwhile" in names
            async with asyncio.timeout(10):
                while await ids(one) != ["ann", "bob"]:
                    pass
            body["name"] = "after"
            assert (await api(one.port, DEV, "POST", "/events", body)).status == 200
            await here.expect("after")

    run(main())


def test_a_worker_that_is_replaced_during_an_outage_is_ready(
    server: RedisServer, tmp_path: Path, run: Run
) -> None:
    """Its server was on the bus once. A deploy or a crash must not make a load balancer take it out then."""
    alone = environment(server, REVURB_SCALING_PROTOCOL="revurb")  # it stops at once
    with serving(tmp_path, "--workers", "2", environment=alone) as node:
        node.becomes(lambda status: [row.bus for row in workers(status)] == ["", ""])
        run(server.kill())
        node.becomes(lambda status: all(row.bus for row in workers(status)))
        old = {row.pid for row in node.workers()}
        assert node.request(ControlRequest("restart")).error is None
        assert not old & {row.pid for row in node.workers()}
        for row in node.workers():
            assert run(readiness(node, row.pid)) == {"ready": True, "degraded": "redis disconnected"}


async def readiness(node: Serving, pid: int | None) -> object:
    assert pid is not None
    async with http_of(node, pid) as connection:
        return (await connection.request("GET", "/ready")).json()
