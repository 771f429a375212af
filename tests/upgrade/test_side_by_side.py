"""Nodes of the previous version and of this one on one Redis are one server, and one may replace the other while
clients are there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from revurb.apps import App
from revurb.processes.control_socket import ControlRequest
from tests.client import Client, Ended, api, connect
from tests.conftest import Need, Run
from tests.processes.serving import Serving, all_ready, pids, serving
from tests.redis_server import RedisServer
from tests.upgrade.previous_version import ROOT

DEV = App(id="1", key="key1", secret="secret1")
ROOM = "presence-room"
VERSIONS = ["previous", "present"]


@pytest.fixture
def server(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


class Fleet:
    """Starts nodes of either version."""

    def __init__(
        self, stack: ExitStack, server: RedisServer, previous: Path, cwd: Path, workers: int
    ) -> None:
        self._stack = stack
        self._environment = {
            "REVERB_SCALING_ENABLED": "true",
            "REDIS_URL": f"unix://{server.socket}",
            "REVURB_REDIS_LEASE": "2",
            "REVURB_DRAIN_TIMEOUT": "0",
        }
        self._previous = previous
        self._cwd = cwd
        self._workers = workers

    def start(self, version: str, **more: str) -> Serving:
        environment = {**self._environment, **more}
        if version == "previous":
            environment.setdefault("PYTHONPATH", str(self._previous))
        arguments = ("--workers", str(self._workers)) if self._workers > 1 else ()
        return self._stack.enter_context(serving(self._cwd, *arguments, environment=environment))


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def fleet(
    request: pytest.FixtureRequest, server: RedisServer, previous: Path, tmp_path: Path
) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(stack, server, previous, tmp_path, request.param)


def user(name: str) -> dict[str, str]:
    return {"user_id": name}


def kill_all(node: Serving) -> None:
    """All its processes: workers would say goodbye if only their supervisor died."""
    pids = [process.pid for process in node.status().processes if process.pid is not None]
    for pid in (node.process.pid, *pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def publish(node: Serving, data: str, channel: str = "news") -> None:
    body = {"name": "e", "channel": channel, "data": data}
    assert (await api(node.port, DEV, "POST", "/events", body)).status == 200


async def ids(node: Serving) -> list[str]:
    response = await api(node.port, DEV, "GET", f"/channels/{ROOM}/users")
    return sorted(member["id"] for member in json.loads(response.text).get("users", []))


@asynccontextmanager
async def subscribed(node: Serving, channel: str = "news", name: str = "") -> AsyncIterator[Client]:
    async with connect(node.port, DEV.key) as client:
        await client.subscribe(channel, *((DEV, user(name)) if name else ()))
        yield client


def test_the_previous_version_is_another_one(previous: Path, fleet: Fleet) -> None:
    """So that nothing below compares this version with itself."""
    assert (previous / "revurb" / "node" / "node.py").exists()
    old, new = fleet.start("previous"), fleet.start("present")
    maps = [Path(f"/proc/{node.status().processes[0].pid}/maps").read_text() for node in (old, new)]
    assert [str(previous) in text for text in maps] == [True, False]


@pytest.mark.parametrize("versions", [VERSIONS, VERSIONS[::-1]], ids=["older first", "newer first"])
def test_both_are_one_server(fleet: Fleet, run: Run, versions: list[str]) -> None:
    one, two = (fleet.start(version) for version in versions)

    async def main() -> None:
        async with subscribed(one) as here, subscribed(two) as there:
            for node, data in ((one, "1"), (two, "2")):
                await publish(node, data)
                for client in (here, there):
                    assert (await client.expect("e"))["data"] == data
            info = {"info": "subscription_count"}
            response = await api(one.port, DEV, "GET", "/channels/news", query=info)
            assert json.loads(response.text)["subscription_count"] == 2
        async with subscribed(one, ROOM, "ann") as ann:
            async with subscribed(two, ROOM, "bob") as bob:
                added = await ann.expect("pusher_internal:member_added")
                assert json.loads(added["data"])["user_id"] == "bob"
                assert await ids(one) == await ids(two) == ["ann", "bob"]
                await bob.send({"event": "client-x", "channel": ROOM, "data": "hi"})
                assert (await ann.expect("client-x"))["data"] == "hi"
                assert (
                    await api(one.port, DEV, "POST", "/users/bob/terminate_connections", {})
                ).status == 200
                assert await bob.closed()
            removed = await ann.expect("pusher_internal:member_removed")
            assert json.loads(removed["data"]) == user("bob")
        await publish(one, "kept", "cache-news")
        async with connect(two.port, DEV.key) as late:
            await late.subscribe("cache-news")
            assert (await late.expect("e"))["data"] == "kept"

    run(main())


@pytest.mark.parametrize("versions", [VERSIONS, VERSIONS[::-1]], ids=["the newer dies", "the older dies"])
def test_each_removes_what_the_other_held_when_it_dies(fleet: Fleet, run: Run, versions: list[str]) -> None:
    stays, dies = (fleet.start(version) for version in versions)

    async def main() -> None:
        async with subscribed(stays, ROOM, "ann") as ann:
            async with subscribed(dies, ROOM, "bob"):
                await ann.expect("pusher_internal:member_added")
                kill_all(dies)
                removed = await ann.expect("pusher_internal:member_removed")
            assert json.loads(removed["data"]) == user("bob")
            assert await ids(stays) == ["ann"]

    run(main())


def test_one_replaces_the_other_while_events_are_published(fleet: Fleet, run: Run) -> None:
    """And back again: who upgrades may have to go back."""

    async def main() -> None:
        nodes = [fleet.start("previous") for _ in range(2)]
        count, is_over = 0, False

        async def publish_on() -> None:
            nonlocal count
            while not is_over:
                await publish(nodes[0], str(count))
                count += 1

        for version in ("present", "previous"):
            for _ in range(2):
                leaving = nodes[1]
                async with subscribed(nodes[0]) as client:
                    is_over, begun_at = False, count
                    publishing = asyncio.create_task(publish_on())
                    leaving.signal(signal.SIGTERM)
                    await asyncio.to_thread(leaving.ended)
                    nodes[1] = await asyncio.to_thread(fleet.start, version)
                    is_over = True
                    await publishing
                    heard = [(await client.expect("e"))["data"] for _ in range(count - begun_at)]
                    assert heard == [str(number) for number in range(begun_at, count)]
                    await client.expect_silence()
                nodes.reverse()

    run(main())


@pytest.mark.parametrize("scaling", ["true", "false"], ids=["relay", "hub"])
def test_a_restart_goes_over_to_the_code_that_is_installed_now(
    server: RedisServer, previous: Path, tmp_path: Path, run: Run, scaling: str
) -> None:
    """The supervisor and the broker of the host are of the previous version until the server is stopped and started."""
    installed = tmp_path / "installed"
    installed.symlink_to(previous)

    async def main(node: Serving) -> None:
        count, is_over = 0, False

        async def publish_on() -> None:
            nonlocal count
            while not is_over:
                try:
                    await publish(node, str(count))
                except (
                    Ended
                ):  # of a worker of the previous version, which forgot whom it was accepting as it ended
                    continue
                count += 1

        before = pids(node)
        installed.unlink()
        installed.symlink_to(ROOT)
        publishing = asyncio.create_task(publish_on())
        reply = await asyncio.to_thread(node.request, ControlRequest("restart"))
        assert reply.error is None
        await asyncio.to_thread(
            node.becomes, lambda status: all_ready(status) and not is_any(pids(node), before)
        )
        is_over = True
        await publishing
        assert count
        for pid in pids(node):
            assert str(ROOT / "revurb") in Path(f"/proc/{pid}/maps").read_text()
        async with subscribed(node, ROOM, "ann") as ann, subscribed(node, ROOM, "bob"):
            await ann.expect("pusher_internal:member_added")
            await publish(node, "x", ROOM)
            assert (await ann.expect("e"))["data"] == "x"

    with ExitStack() as stack:
        fleet = Fleet(stack, server, previous, tmp_path, 2)
        run(main(fleet.start("previous", PYTHONPATH=str(installed), REVERB_SCALING_ENABLED=scaling)))


def is_any(of: list[int | None], among: list[int | None]) -> bool:
    return any(pid in among for pid in of)
