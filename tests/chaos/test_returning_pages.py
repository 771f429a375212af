"""Pages on three nodes over a Redis with a Sentinel, while all of these are killed, stopped, restarted and cut off from
each other: each page gets each event once and in order, or is told of a gap."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.chaos.returning.pages import Pages, Published, Record, faults_of, opened
from tests.chaos.returning.world import NODES, World, running_world
from tests.chaos.storm import LONG, seconds
from tests.client import Ended, http, signed
from tests.conftest import Need
from tests.processes.test_single_node import APP
from tests.redis_server import Sentinels

CHANNELS = 20 if LONG else 10
PAGES = 600 if LONG else 60
EVENTS_PER_S = 500 if LONG else 100
PATIENCE_S = 60.0
LAST_EVENTS = 3
LAST = 10**9  # the number of the event with which all is over, or of the first of them
ENVIRONMENT = {
    "REVERB_SCALING_ENABLED": "true",
    "REVURB_REDIS_LEASE": "5",
    "REVURB_SCALING_PROTOCOL": "revurb",
    "REVURB_DRAIN_TIMEOUT": "2",
    "REVURB_APP_HISTORY_CHANNELS": "room-*",
    "REVURB_APP_HISTORY_SIZE": "3000",
    "REVURB_APP_MAX_RESUMED_EVENTS": "3000",
    "REVURB_APP_MAX_RESUME_SIZE": "1000000",
}


class Publisher:
    """Publishes numbers on one channel, one after the other was answered, by one node until that fails."""

    def __init__(self, channel: str, ports: list[int], first: int) -> None:
        self.channel = channel
        self.published = Published([], set())
        self.is_over = False
        self._ports = itertools.cycle((*ports[first:], *ports[:first]))
        self._numbers = itertools.count()

    async def run(self, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.is_over:
            with contextlib.suppress(OSError, TimeoutError, Ended):
                async with http(next(self._ports)) as connection:
                    status = 200
                    while status == 200 and not self.is_over:
                        due = max(due + every_s, loop.time() - 1)
                        await asyncio.sleep(due - loop.time())
                        status = await self._publish(connection, next(self._numbers))
            await asyncio.sleep(every_s)

    async def end(self, last: int) -> None:
        """Publish the last event, until it is kept."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(OSError, Ended):
                    async with http(next(self._ports)) as connection:
                        if await self._publish(connection, last) == 200:
                            return
                await asyncio.sleep(0.1)

    async def _publish(self, connection: object, number: int) -> int:
        body = json.dumps({"name": "n", "channel": self.channel, "data": str(number)}).encode()
        self.published.doubtful.add(number)
        response = await connection.request(  # type: ignore[attr-defined]
            "POST", signed(APP, "POST", "/apps/1/events", body), body, patience_s=PATIENCE_S
        )
        if response.status == 200:
            self.published.doubtful.discard(number)
            self.published.kept.append(number)
        else:
            assert response.status == 503, response.text
        return int(response.status)


def schedule(world: World, pages: Pages) -> list[asyncio.Task[None]]:
    """What befalls the nodes, and beside that what befalls the pages: each thing as often as there is time for."""

    async def pages_reloaded() -> None:
        await world.pages_reloaded(pages, PAGES)

    nodes = [
        world.restarted,
        world.worker_killed,
        world.node_killed,
        world.node_stopped,
        world.redis_stands_still,
        world.redis_killed,
        world.redis_fails_over,
        world.redis_connections_killed,
    ]
    networks = [world.line_cut, world.line_swallows, pages_reloaded, pages_reloaded]
    times = 13 if LONG else 1  # ten minutes
    tasks = []
    for name, faults in (("nodes:", nodes * times), ("pages:", networks * times)):
        world.chance.shuffle(faults)
        tasks.append(asyncio.create_task(world.befall(faults, name)))
    return tasks


async def end(publishers: Collection[Publisher], pages: Pages) -> int:
    """Publish a last event on each channel, and wait until each page has it; its number. A page may lose its connection
    unnoticed just before, and be told of a gap that this event is in: then another one is the last."""
    for last in range(LAST, LAST + LAST_EVENTS):
        await asyncio.gather(*(publisher.end(last) for publisher in publishers))
        with contextlib.suppress(TimeoutError):  # who lacks it is told by `faults_of`
            async with asyncio.timeout(PATIENCE_S / LAST_EVENTS):
                while {*(await pages.last()).values()} != {last}:
                    await asyncio.sleep(0.2)
                break
    return last


@pytest.mark.timeout(1200 if LONG else 120)
async def test_every_page_gets_every_event_once_or_is_told(
    need: Need, node_program: str, tmp_path: Path
) -> None:
    seed = SystemRandom().randrange(10**6)
    print("seed", seed)
    sentinels = Sentinels(need("redis-server"), need("redis-cli"), tmp_path)
    async with (
        running_world(Random(seed), sentinels, tmp_path, ENVIRONMENT, seconds(1, 0.1)) as world,
        opened(node_program) as pages,
    ):
        channels = [f"room-{number}" for number in range(CHANNELS)]
        for number in range(PAGES):
            port = world.lines[number % NODES].port
            pages.tell("open", page=number, port=port, channel=channels[number // NODES % CHANNELS])
        await pages.subscribed(PAGES)
        publishers = {
            channel: Publisher(channel, world.ports, number % NODES)
            for number, channel in enumerate(channels)
        }
        publishing = [
            asyncio.create_task(publisher.run(CHANNELS / EVENTS_PER_S)) for publisher in publishers.values()
        ]
        await asyncio.gather(*schedule(world, pages))
        await world.calm()
        for publisher in publishers.values():
            publisher.is_over = True
        await asyncio.gather(*publishing)
        await pages.subscribed(PAGES)
        last = await end(publishers.values(), pages)
        records = await pages.records()
        print("\n".join(world.befallen))
        tell(records, publishers)
        faults = [
            fault
            for record in records
            for fault in faults_of(record, publishers[record.channel].published, last)
        ]
        assert faults == []
        assert len(records) == PAGES
        # Some have come back to everything that they had missed.
        assert any(record.connects - 1 > len(record.reasons) for record in records)


def tell(records: list[Record], publishers: dict[str, Publisher]) -> None:
    kept = sum(len(publisher.published.kept) for publisher in publishers.values())
    doubtful = sum(len(publisher.published.doubtful) for publisher in publishers.values())
    received = sum(len(stretch) for record in records for stretch in record.stretches)
    reasons = Counter(reason for record in records for reason in record.reasons)
    connects = sum(record.connects for record in records)
    print(
        f"{kept} events kept, {doubtful} in doubt; {received} received on {connects} connections of {len(records)}"
        f" pages; told gaps: {dict(reasons)}"
    )
