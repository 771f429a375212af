"""A client that comes back again and again, over two nodes, while Redis is killed, stopped and cut off: it ends with
every event once and in order, or it was told that it has not."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from revurb.pusher.history import HistoryBounds, Position, Resume, read_position
from tests.bus.engines import APP, BusNode
from tests.bus.redis_engines import RedisCluster, RelayedCluster
from tests.chaos.storm import LONG
from tests.conftest import Need, Run
from tests.redis_server import RedisServer

BOUNDS = HistoryBounds(10_000, 600, 10**8)
ROUNDS = 4 if LONG else 1
_ID = re.compile(rb'"id":"([0-9a-z]+-[0-9]+)"\}$')
_NUMBER = re.compile(rb'"data":"([0-9]+)"')


class ReturningClient:
    """Resumes on the nodes in turn. `stretches` are the numbers of the events that it got, those after each gap that it
    was told of by themselves."""

    def __init__(self, nodes: list[BusNode]) -> None:
        self._nodes = itertools.cycle(nodes)
        self._position: Position | None = None
        self.stretches: list[list[int]] = [[]]
        self.resumed = 0
        self.is_done = False

    @property
    def newest(self) -> int | None:
        """The number of the last event that came, unless there was a gap since."""
        return self.stretches[-1][-1] if self.stretches[-1] else None

    async def run(self, pause: Callable[[], float]) -> None:
        for node in self._nodes:
            was_done = self.is_done
            resume = None if self._position is None else Resume(self._position, "", 100_000, 10**8)
            replay = (await node.enter(want_position=True, resume=resume)).replay
            if replay is None or replay.failure:
                self.stretches.append([])
                self._position = None if replay is None else replay.position
            else:
                self.resumed += resume is not None
                self._take(list(replay.events))
                self._position = replay.position
            await asyncio.sleep(pause())  # for events to come meanwhile, or not
            self._take(node.texts())
            node.bus.leave(APP, "news", None)
            if was_done:
                return

    def _take(self, texts: list[bytes]) -> None:
        for text in texts:
            found, number = _ID.search(text), _NUMBER.search(text)
            if number is None:
                assert b"pusher:resume_failed" in text
                self.stretches.append([])
                if found is None:  # the node says it itself
                    continue
            assert found is not None, text
            position = read_position(found[1].decode())
            if number is not None:
                self.stretches[-1].append(int(number[1]))
            self._position = position


@pytest.fixture(params=["empty", "aof", "relay"])
def cluster(request: pytest.FixtureRequest, need: Need, run: Run, tmp_path: Path) -> Iterator[RedisCluster]:
    options = ("--appendonly", "yes") if request.param == "aof" else ()
    server: Any = RedisServer(need("redis-server"), tmp_path, *options)
    made = RelayedCluster(server, tmp_path, 2) if request.param == "relay" else RedisCluster(server)
    yield made
    run(made.close())


async def break_it(cluster: RedisCluster, how: str, random_s: Callable[[], float]) -> None:
    server: Any = cluster._server
    if how == "killed":
        await cluster.outage()
        await asyncio.sleep(random_s())
        await cluster.recover()
    elif how == "stopped":
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(random_s())
        server.signal(signal.SIGCONT)
    else:
        async with server.client() as client:
            for kind in ("normal", "pubsub"):
                await client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    await asyncio.sleep(random_s())


async def test_no_gap_is_untold(cluster: RedisCluster) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    nodes = [await cluster.node(), await cluster.node()]
    client = ReturningClient(nodes)
    coming_back = asyncio.create_task(client.run(lambda: chance.uniform(0, 0.05)))
    published = 0
    is_over = asyncio.Event()

    async def publish() -> None:
        nonlocal published
        while not is_over.is_set():
            node = nodes[published % 2]
            await node.publish(b'{"event":"e","data":"%d"}' % published, history=BOUNDS)
            published += 1
            await asyncio.sleep(0.002)  # 500 events in a second at most

    publishing = asyncio.create_task(publish())
    faults = ["killed", "stopped", "cut"] * ROUNDS
    chance.shuffle(faults)
    for fault in faults:
        await break_it(cluster, fault, lambda: chance.uniform(0.1, 1.0))
    is_over.set()
    await publishing
    for node in nodes:
        await node.until(lambda node=node: node.bus.degraded is None and not node.bus.health.waiting)  # type: ignore[misc]
    async with asyncio.timeout(30):
        while (client.newest or 0) < 2 * published:  # a gap may be told behind any one event
            assert not coming_back.done(), coming_back.exception()
            await nodes[0].publish(b'{"event":"e","data":"%d"}' % (2 * published), history=BOUNDS)
            await asyncio.sleep(0.05)
        client.is_done = True
        await coming_back
    for stretch in client.stretches:
        for parity in (
            0,
            1,
        ):  # what both nodes published while they were cut off comes from one after the other
            numbers = [number // 2 for number in stretch if number % 2 == parity and number < published]
            steps = list(itertools.pairwise(numbers))
            assert [step for step in steps if step[1] != step[0] + 1] == []
    assert client.resumed > 3
