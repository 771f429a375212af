"""Several workers are one server: real processes, with clients on each of them, and any of them killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from revurb.bus.hub.event_log import LogDescriptors
from revurb.processes.binding import Binding
from revurb.processes.child import Child
from revurb.processes.hub_socket import HubSocket
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.worker_pool import ChangeSignal, WorkerPool
from tests.client import Client, Http
from tests.processes.pinned import ask, client_of, http_of, trigger
from tests.processes.serving import PATIENCE_S, Serving, all_ready, hub_pid, serving
from tests.processes.test_single_node import APP

ROOM = "presence-room"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for the tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("serving")
    with serving(folder, "--workers", "2", "--drain-timeout", "3") as running:
        yield running
        running.signal(signal.SIGTERM)
        assert running.ended() == 0
        assert "Traceback" not in running.output


@dataclass
class Pair:
    """A WebSocket and an HTTP connection of each of two workers."""

    pids: tuple[int, int]
    clients: tuple[Client, Client]
    apis: tuple[Http, Http]


@contextlib.asynccontextmanager
async def pair(server: Serving) -> AsyncIterator[Pair]:
    server.becomes(all_ready)
    one, two = (row.pid for row in server.workers())
    assert one is not None
    assert two is not None
    async with (
        client_of(server, one) as here,
        client_of(server, two) as there,
        http_of(server, one) as api_here,
        http_of(server, two) as api_there,
    ):
        for api in (api_here, api_there):
            await connected(api)
        yield Pair((one, two), (here, there), (api_here, api_there))


async def connected(api: Http) -> None:
    """Wait until the worker is on the bus."""
    async with asyncio.timeout(10):
        while (await api.request("GET", "/ready")).json() != {"ready": True}:
            pass


async def answers(api: Http, path: str, expected: object, **query: str) -> None:
    """Wait until the worker answers so. A count comes with the next message of the hub, not with its cause."""
    async with asyncio.timeout(PATIENCE_S):
        while (found := await ask(api, "GET", path, **query)) != expected:
            print(f"{path}: {found}")


def user(name: str) -> dict[str, object]:
    return {"user_id": name, "user_info": {"name": name.upper()}}


async def test_events_reach_everyone_whichever_worker_they_were_sent_to(server: Serving) -> None:
    async with pair(server) as p:
        for client in p.clients:
            await client.subscribe("news")
        for number, api in enumerate(p.apis):
            await trigger(api, "e", "news", str(number))
            for client in p.clients:
                assert (await client.expect("e", "news"))["data"] == str(number)


async def test_whispers_and_presence_cross(server: Serving) -> None:
    async with pair(server) as p:
        ann, bob = p.clients
        await ann.subscribe(ROOM, APP, user("ann"))
        seen = await bob.subscribe(ROOM, APP, user("bob"))
        assert seen["presence"]["ids"] == ["ann", "bob"]
        assert json.loads((await ann.expect("pusher_internal:member_added"))["data"]) == user("bob")
        await ann.send({"event": "client-hi", "channel": ROOM, "data": {"n": 1}})
        assert (await bob.expect("client-hi"))["user_id"] == "ann"
        await bob.send({"event": "client-hi", "channel": ROOM, "data": {"n": 2}})
        assert (await ann.expect("client-hi"))["user_id"] == "bob"
        both = {"users": [{"id": "ann"}, {"id": "bob"}]}
        counted = {"channels": {ROOM: {"user_count": 2}}}
        for api in p.apis:
            await answers(api, f"/channels/{ROOM}/users", both)
            await answers(api, "/channels", counted, filter_by_prefix="presence-", info="user_count")
            await answers(api, "/connections", {"connections": 2})
        response = await ask(p.apis[0], "POST", "/users/bob/terminate_connections")
        assert response == {}
        assert await bob.closed() == 4009
        await ann.expect("pusher_internal:member_removed")
        await answers(p.apis[1], f"/channels/{ROOM}/users", {"users": [{"id": "ann"}]})


async def test_events_reach_all_workers_without_their_hub(server: Serving) -> None:
    async with pair(server) as p:
        here, _ = p.clients
        for client, name in zip(p.clients, ("ann", "bob"), strict=True):
            await client.subscribe(ROOM, APP, user(name))
        await here.expect("pusher_internal:member_added")
        hub = hub_pid(server.status())
        server.signal(signal.SIGSTOP)  # the supervisor, so that it does not start another one yet
        try:
            os.kill(hub, signal.SIGKILL)
            for api in p.apis:
                async with asyncio.timeout(10):
                    while (response := await api.request("GET", "/ready")).json() == {"ready": True}:
                        pass
                assert (response.status, response.json()["degraded"]) == (200, "hub disconnected")
            server.said("the bus is gone: members and counts wait", 2)
            for number in range(20):
                await trigger(p.apis[0], "e", ROOM, str(number))
                for client in p.clients:
                    assert (await client.expect("e", ROOM))["data"] == str(number)
        finally:
            server.signal(signal.SIGCONT)
        for api in p.apis:
            await connected(api)
        await trigger(p.apis[1], "together", ROOM)
        for client in p.clients:
            await client.expect("together")  # and nobody has left or come
            await client.expect_silence()


class Numbered:
    """Publishes "0", "1", … through one worker until told that it is enough."""

    def __init__(self, api: Http, name: str) -> None:
        self._api = api
        self.name = name
        self.count = 0
        self.enough = asyncio.Event()

    async def publish(self) -> int:
        while not self.enough.is_set():
            await trigger(self._api, self.name, ROOM, str(self.count))
            self.count += 1
        await trigger(self._api, self.name, ROOM, "end")
        return self.count

    async def has(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.count < count:
                await asyncio.sleep(0)


async def hear(client: Client, names: set[str]) -> dict[str, int]:
    """Listen until all publishers have ended: each event once and in its publisher's order; how many of each."""
    heard = dict.fromkeys(names, 0)
    while names:
        message = await client.next_event()
        name, data = message["event"], message["data"]
        if data == "end":
            names = names - {name}
        else:
            assert data == str(heard[name]), f"{message}, but {heard[name]} was due"
            heard[name] += 1
    return heard


def kill_hub(server: Serving) -> None:
    """And wait for the next one."""
    before = hub_pid(server.status())
    os.kill(before, signal.SIGKILL)
    server.becomes(lambda status: all_ready(status) and hub_pid(status) != before)


async def test_a_hub_that_is_killed_loses_and_doubles_nothing(server: Serving) -> None:
    async with pair(server) as p:
        for client, name in zip(p.clients, ("ann", "bob"), strict=True):
            await client.subscribe(ROOM, APP, user(name))
        await p.clients[0].expect("pusher_internal:member_added")
        publishers = [Numbered(api, f"e{number}") for number, api in enumerate(p.apis)]
        hearing = [asyncio.ensure_future(hear(client, {"e0", "e1"})) for client in p.clients]
        publishing = [asyncio.ensure_future(publisher.publish()) for publisher in publishers]
        for _ in range(3):
            for publisher in publishers:
                await publisher.has(publisher.count + 100)
            await asyncio.to_thread(kill_hub, server)
        for publisher in publishers:
            await publisher.has(publisher.count + 100)
            publisher.enough.set()
        counts = dict(zip(("e0", "e1"), await asyncio.gather(*publishing), strict=True))
        assert sum(counts.values()) >= 500
        assert await asyncio.gather(*hearing) == [counts, counts]
        for client in p.clients:
            await client.expect_silence()


async def test_the_members_of_a_worker_that_is_killed_are_gone_after_its_lease(server: Serving) -> None:
    async with pair(server) as p:
        ann, bob = p.clients
        await ann.subscribe(ROOM, APP, user("ann"))
        await bob.subscribe(ROOM, APP, user("bob"))
        await ann.expect("pusher_internal:member_added")
        os.kill(p.pids[1], signal.SIGKILL)
        assert await bob.closed() is None
        await trigger(p.apis[0], "still-there", ROOM)
        await ann.expect("still-there")
        async with asyncio.timeout(10):
            frame = await ann.receive(patience_s=10)
        assert frame.message["event"] == "pusher_internal:member_removed"
        assert json.loads(frame.message["data"]) == {"user_id": "bob"}
        await answers(p.apis[0], f"/channels/{ROOM}/users", {"users": [{"id": "ann"}]})
        await answers(p.apis[0], "/connections", {"connections": 1})


async def test_a_worker_that_dies_with_the_hub_is_counted_as_missed_by_the_others(tmp_path: Path) -> None:
    """Nobody else knew its members."""
    with serving(tmp_path, "--workers", "2") as server:
        async with pair(server) as p:
            await p.clients[1].subscribe(ROOM, APP, user("bob"))
            hub = hub_pid(server.status())
            server.signal(signal.SIGSTOP)  # the supervisor hears of both at once
            for pid in (hub, p.pids[1]):  # a hub that still ran for a moment might have told somebody
                os.kill(pid, signal.SIGKILL)
            server.signal(signal.SIGCONT)
            server.said("workers died with the hub: .* workers=1")
            server.said("missed events: .*at_most=1")


async def test_orphans_stay_together_until_the_last_has_drained(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "1") as own:
        async with pair(own) as p:
            for client in p.clients:
                await client.subscribe("news")
            own.signal(signal.SIGKILL)
            for client in p.clients:
                assert await client.closed() == 4200
        own.said("worker has drained", 2)
        own.said("hub ends told_by=supervisor is gone")
        assert own.ended() == -signal.SIGKILL
        assert own.is_silent()
        assert "the bus is gone" not in own.output  # to no worker: it went after them
        assert not list(own.runtime_dir.glob("*.hub"))


async def test_a_worker_that_has_exited_is_dead_before_its_last_messages_are_read(tmp_path: Path) -> None:
    """So a hub that died at the same moment is replaced by one that knows."""
    pool = WorkerPool(
        Invocation(),
        Binding(0, ((), ()), None),
        HubSocket("@hub", None, LogDescriptors(3, ())),
        Reaper(),
        ChangeSignal(),
        lambda slot, child, code: None,
        lambda slot, error: None,
        None,
    )

    class Worker:
        has_been_ready = True
        exited_with: int | None = None

    one, two = Worker(), Worker()
    for slot, worker in zip(pool.slots, (one, two), strict=True):
        slot.child = cast(Child, worker)
    assert (pool.connected_to_hub, pool.died_within(5)) == (2, 0)
    one.exited_with, two.exited_with = -signal.SIGKILL, 0
    assert (pool.connected_to_hub, pool.died_within(5)) == (0, 1)
