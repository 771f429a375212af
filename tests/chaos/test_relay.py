"""Two hosts with two workers each, a relay each, and a Redis between them, all in processes of their own. A relay, a
worker or the Redis is killed or stopped while every worker is published through: each client that stays connected gets
each event once, those of a publisher in their order, and no member leaves who is there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence, Set

import pytest

from revurb.processes.control_socket import ControlRequest, ServerStatus
from revurb.pusher.socket_id import process_of
from tests.chaos.storm import seconds
from tests.client import Client, Ended, signed
from tests.conftest import Need, Run
from tests.processes.pinned import ask, client_of, http_of, trigger
from tests.processes.serving import Serving, serving
from tests.processes.test_single_node import APP
from tests.redis_server import RedisServer

PATIENCE_S = 30.0
ENOUGH = 20  # events of a publisher before and after what befalls
AROUND = 50  # events of a publisher that Redis alone may have held when it was killed

Hosts = tuple[Serving, Serving]
NOTHING: Mapping[str, range] = {}


@pytest.fixture(scope="module")
def redis(need: Need, tmp_path_factory: pytest.TempPathFactory, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path_factory.mktemp("redis"))
    run(server.start())
    yield server
    run(server.kill())


@pytest.fixture(scope="module")
def hosts(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    environment = {
        "REVERB_SCALING_ENABLED": "true",
        "REDIS_URL": f"unix://{redis.socket}",
        "REVURB_REDIS_LEASE": "20",  # three relays one after the other take 9 s on a machine with other work
        "REVURB_SCALING_PROTOCOL": "revurb",
        "REVURB_DRAIN_TIMEOUT": "1",
    }
    options = ("--workers", "2")
    with (
        serving(folder, *options, environment=environment) as one,
        serving(folder, *options, environment=environment) as two,
    ):
        yield one, two
        for host in (one, two):
            assert "Traceback" not in host.output


def is_whole(status: ServerStatus) -> bool:
    return status.state == "ready" and all(row.state == "ready" and not row.bus for row in status.processes)


async def whole(hosts: Hosts) -> None:
    for host in hosts:
        await asyncio.to_thread(host.becomes, is_whole)


def relay_pid(host: Serving) -> int:
    (pid,) = (row.pid for row in host.status().processes if row.process == "relay")
    assert pid is not None
    return pid


class Publisher:
    """Publishes "name number" through one worker, one after the other was answered, until that worker is gone or the
    test says so. `published` are how many were answered."""

    def __init__(self, name: str, room: str, host: Serving, pid: int) -> None:
        self.name = name
        self.room = room
        self.published = 0
        self.unanswered = 0
        self.stops = False
        self.task = asyncio.create_task(self._publish(host, pid))

    async def _publish(self, host: Serving, pid: int) -> None:
        async with http_of(host, pid) as connection:
            while not self.stops:
                event = {"name": "number", "channel": self.room, "data": f"{self.name} {self.published}"}
                body = json.dumps(event).encode()
                try:
                    response = await connection.request(
                        "POST",
                        signed(APP, "POST", "/apps/1/events", body),
                        body,
                        patience_s=PATIENCE_S,
                    )
                except (ConnectionError, Ended):  # of a worker that ends
                    self.unanswered = 1
                    return
                assert response.status == 200, response.text
                self.published += 1


class Listener:
    """A client of one worker, and the numbers that it got of each publisher."""

    def __init__(self, client: Client) -> None:
        self.pid = process_of(client.socket_id)
        self.numbers: dict[str, list[int]] = {}
        self.left: set[str] = set()
        self.is_over = False
        self.task = asyncio.create_task(self._listen(client))

    async def _listen(self, client: Client) -> None:
        with contextlib.suppress(Ended):
            while True:
                frame = await client.receive(PATIENCE_S)
                if frame.close_code is not None and frame.opcode == 8:
                    return
                event = frame.message
                if event["event"] == "number":
                    name, number = event["data"].split()
                    if name == "end":
                        self.is_over = True
                    else:
                        self.numbers.setdefault(name, []).append(int(number))
                elif event["event"] == "pusher_internal:member_removed":
                    self.left.add(json.loads(event["data"])["user_id"])


class Trial:
    """What goes on while something befalls the hosts, in a room of its own: the members of another trial may be leaving
    yet."""

    _rooms = itertools.count()

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.room = f"presence-room-{next(self._rooms)}"
        self.publishers: list[Publisher] = []
        self.listeners: list[Listener] = []

    async def publish_on(self, hosts: Sequence[Serving], tag: str) -> None:
        """Publish through every worker of the hosts."""
        for number, host in enumerate(hosts):
            for row in host.workers():
                assert row.pid is not None
                self.publishers.append(Publisher(f"{tag}{number}-{row.pid}", self.room, host, row.pid))

    async def go_on(self) -> None:
        """Wait until every publisher has published some more."""
        until = {each: each.published + ENOUGH for each in self.publishers}
        async with asyncio.timeout(PATIENCE_S):
            while any(not each.task.done() and each.published < number for each, number in until.items()):
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        for each in self.publishers:
            each.stops = True
        await asyncio.gather(*(each.task for each in self.publishers))
        await whole(self.hosts)
        async with http_of(self.hosts[0], self.hosts[0].workers()[0].pid or 0) as connection:
            await trigger(connection, "number", self.room, "end 0")
        async with asyncio.timeout(PATIENCE_S):
            while not all(each.is_over or each.task.done() for each in self.listeners):
                await asyncio.sleep(0.01)

    def check(
        self,
        gone: Collection[int | None] = (),
        forgotten: Mapping[str, range] = NOTHING,
        leavers: Set[str] = frozenset(),
    ) -> None:
        """Whoever is not of the workers that are `gone` got everything once, but for what Redis alone held, and no
        other members left than `leavers`."""
        for listener in self.listeners:
            if listener.pid in gone:
                continue
            assert listener.is_over, f"the client of {listener.pid} was disconnected"
            assert not listener.left & {"ann", "bob"} - leavers
            for each in self.publishers:
                got = listener.numbers.get(each.name, [])
                allowed = set(forgotten.get(each.name, ()))
                missing = sorted({*range(each.published)} - set(got) - allowed)
                where = f"{each.name} at {listener.pid}, of {each.published}"
                assert not missing, f"{where}: missed {len(missing)}, {missing[:5]}"
                assert len(got) == len(set(got)), f"{where}: {len(got) - len(set(got))} twice"
                assert got == sorted(got), f"{where}: in another order"
                assert not got or got[-1] < each.published + each.unanswered


@contextlib.asynccontextmanager
async def trial(hosts: Hosts) -> AsyncIterator[Trial]:
    await whole(hosts)
    async with contextlib.AsyncExitStack() as stack:
        running = Trial(hosts)
        for host, user in zip(hosts, ("ann", "bob"), strict=True):
            for row in host.workers():
                assert row.pid is not None
                client = await stack.enter_async_context(client_of(host, row.pid))
                await client.subscribe(running.room, APP, {"user_id": user})
                running.listeners.append(Listener(client))
        await running.publish_on(hosts, "p")
        await running.go_on()
        yield running
        for each in running.listeners:
            each.task.cancel()
        await asyncio.wait([each.task for each in running.listeners])


async def users(host: Serving, room: str) -> list[str]:
    async with http_of(host, host.workers()[0].pid or 0) as connection:
        found = await ask(connection, "GET", f"/channels/{room}/users")
    return sorted(user["id"] for user in found["users"])


async def befall(
    hosts: Hosts, fault: Callable[[], Awaitable[object]], gone: Collection[int | None] = ()
) -> None:
    async with trial(hosts) as running:
        await fault()
        await running.go_on()
        await whole(hosts)
        await running.go_on()
        await running.end()
        running.check(gone)
        for host in hosts:
            assert await users(host, running.room) == ["ann", "bob"]


async def test_a_relay_is_killed(hosts: Hosts) -> None:
    async def kill() -> None:
        before = hosts[0].output.count("relay is ready")
        os.kill(relay_pid(hosts[0]), signal.SIGKILL)
        await asyncio.to_thread(hosts[0].said, "relay is ready", before + 1)

    await befall(hosts, kill)


async def test_a_relay_is_killed_again_and_again(hosts: Hosts) -> None:
    async def kill() -> None:
        for _ in range(3):  # more often, and it would be waited for longer each time
            before = hosts[1].output.count("relay is ready")
            os.kill(relay_pid(hosts[1]), signal.SIGKILL)
            await asyncio.to_thread(hosts[1].said, "relay is ready", before + 1)

    await befall(hosts, kill)


async def test_both_relays_are_killed(hosts: Hosts) -> None:
    async def kill() -> None:
        before = [host.output.count("relay is ready") for host in hosts]
        for host in hosts:
            os.kill(relay_pid(host), signal.SIGKILL)
        for host, times in zip(hosts, before, strict=True):
            await asyncio.to_thread(host.said, "relay is ready", times + 1)

    await befall(hosts, kill)


async def test_a_relay_stands_still(hosts: Hosts) -> None:
    async def stop() -> None:
        pid = relay_pid(hosts[0])
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds(5, 3))
        os.kill(pid, signal.SIGCONT)

    await befall(hosts, stop)


async def test_a_worker_stands_still(hosts: Hosts) -> None:
    """The others of its host do not notice."""

    async def stop() -> None:
        pid = hosts[0].workers()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds(5, 3))
        os.kill(pid, signal.SIGCONT)

    await befall(hosts, stop)


async def test_a_worker_is_killed(hosts: Hosts) -> None:
    """Its clients and its publisher are gone, and nobody else is."""
    victim = hosts[0].workers()[0].pid
    assert victim is not None

    async def kill() -> None:
        before = hosts[0].output.count("worker is ready")
        os.kill(victim, signal.SIGKILL)
        await asyncio.to_thread(hosts[0].said, "worker is ready", before + 1)

    await befall(hosts, kill, {victim})


@pytest.mark.parametrize("relay", ["lives", "is killed"])
async def test_redis_is_away_for_a_moment(hosts: Hosts, redis: RedisServer, relay: str) -> None:
    """It was killed, and what it alone held is lost at most."""
    async with trial(hosts) as running:
        before = {each.name: each.published for each in running.publishers}
        await redis.kill()
        await asyncio.sleep(0.2)
        lost = {
            each.name: range(max(0, before[each.name] - AROUND), each.published + 1)
            for each in running.publishers
        }
        if relay == "is killed":
            times = hosts[0].output.count("relay is ready")
            os.kill(relay_pid(hosts[0]), signal.SIGKILL)
            await asyncio.to_thread(hosts[0].said, "relay is ready", times + 1)
        await asyncio.sleep(seconds(5, 1))
        await redis.start()
        await whole(hosts)
        await running.go_on()
        await running.end()
        running.check(forgotten=lost)
        for host in hosts:
            assert await users(host, running.room) == ["ann", "bob"]


async def test_a_host_restarts(hosts: Hosts) -> None:
    """All its processes are replaced, the relay too. Its clients are told to come again; those of the other host hear
    everything, and whoever comes meanwhile all that is published from then on."""
    old = [row.pid for row in hosts[0].workers()]
    relay = relay_pid(hosts[0])
    async with trial(hosts) as running:
        reply = asyncio.create_task(asyncio.to_thread(hosts[0].request, ControlRequest("restart")))
        await running.go_on()
        await reply
        await whole(hosts)
        assert relay_pid(hosts[0]) != relay
        await running.publish_on(hosts[:1], "q")
        await running.go_on()
        await running.end()
        running.check(old, leavers={"ann"})
