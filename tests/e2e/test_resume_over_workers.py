"""pusher-js with the module for browsers, whose worker is killed: it comes back at another one, and misses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from revurb.pusher.socket_id import process_of
from tests.client import Ended, Http, api
from tests.e2e.resuming import LIBRARIES, SUCCEEDED, Comeback, comeback
from tests.e2e.steady_events import SteadyEvents
from tests.processes.pinned import http_of, trigger
from tests.processes.serving import all_ready, pids
from tests.processes.test_single_node import APP

CHANNEL = "private-room-1"
KILLS = 3
ENOUGH = 20  # events of one publisher that are answered before the worker that took them is killed


async def holder_of(s: Comeback, client: str) -> int:
    """The worker that has the connection of the client."""
    pid = process_of(str(await s.node.do("socketId", client)))
    assert pid in pids(s.server)
    return pid


async def kill(s: Comeback, client: str, pid: int) -> None:
    """Kill the worker of the client, and wait until the client is connected again."""
    os.kill(pid, signal.SIGKILL)
    await s.node.state(client, "connecting")
    await s.node.state(client, "connected")


@contextlib.asynccontextmanager
async def other_worker(s: Comeback, pid: int) -> AsyncIterator[Http]:
    """A connection to the worker that is not `pid`, when both are ready."""
    await asyncio.to_thread(s.server.becomes, all_ready)
    (other,) = set(pids(s.server)) - {pid}
    assert other is not None
    async with http_of(s.server, other) as connection:
        yield connection


@pytest.mark.parametrize("library", LIBRARIES)
async def test_events_that_another_worker_took_come_once_and_in_order(
    library: str, tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, "--workers", "2") as s:
        await s.open("a", library=library)
        await s.node.subscribe("a", CHANNEL)
        events = SteadyEvents(s.node, "a", lambda number: s.publish(CHANNEL, number))
        for _ in s.losses(library):
            holder = await holder_of(s, "a")
            async with other_worker(s, holder) as connection:

                async def publish(number: int, connection: Http = connection) -> None:
                    await trigger(connection, "e", CHANNEL, json.dumps(number))

                events.publish = publish
                await events.once_more()
                await events.during(kill(s, "a", holder))
                await events.came_once_and_in_order()


class Publisher:
    """Publishes over the worker that will be killed, one event after the other, for as long as it is answered."""

    def __init__(self, name: str, answered: set[str]) -> None:
        self._name = name
        self._answered = answered
        self.unanswered = ""

    async def run(self, connection: Http, enough: asyncio.Event) -> None:
        for number in range(1, sys.maxsize):
            self.unanswered = f"{self._name} {number}"
            try:
                await trigger(connection, "e", CHANNEL, json.dumps(self.unanswered))
            except Ended:
                return
            self._answered.add(self.unanswered)
            if number == ENOUGH:
                enough.set()


async def publish_until_killed(s: Comeback, pid: int, publishers: Sequence[Publisher]) -> None:
    """Kill the worker `pid` while it takes events, and wait until the client "a", which it had, is connected again."""
    enough = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(http_of(s.server, pid)) for _ in publishers]
        async with asyncio.TaskGroup() as tasks:
            for publisher, connection in zip(publishers, connections, strict=True):
                tasks.create_task(publisher.run(connection, enough))
            await enough.wait()
            await kill(s, "a", pid)


async def kept(s: Comeback) -> list[object]:
    """The data of all events that the server keeps, in its order."""
    query = {"limit": "1000"}
    answer = await api(s.server.port, APP, "GET", f"/channels/{CHANNEL}/events", query=query)
    page = json.loads(answer.text)
    assert page["complete"]
    assert not page["has_more"]
    return [json.loads(event["data"]) for event in page["events"]]


async def test_events_that_the_killed_worker_took_come_once_and_in_order(
    tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, "--workers", "2") as s:
        await s.open("a")
        await s.node.subscribe("a", CHANNEL)
        answered: set[str] = set()
        unanswered: set[str] = set()
        heard: list[str] = []
        for number in range(KILLS):
            publishers = [Publisher(f"{number}-{name}", answered) for name in "abcd"]
            await publish_until_killed(s, await holder_of(s, "a"), publishers)
            unanswered |= {publisher.unanswered for publisher in publishers}
            end = f"end {number}"
            await s.publish(CHANNEL, end)
            answered.add(end)
            while end not in heard:
                told = await s.node.next("a")
                if told["event"] != SUCCEEDED:
                    assert told["event"] == "e"
                    heard.append(told["data"])
            await asyncio.to_thread(s.server.becomes, all_ready)
        assert heard == await kept(s)
        assert len(heard) == len(set(heard))
        # Whether an event was taken whose publisher was not answered, nobody knows.
        assert answered <= set(heard) <= answered | unanswered
