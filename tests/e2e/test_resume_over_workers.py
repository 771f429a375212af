"""pusher-js with the module for browsers, whose worker is killed: it comes back at another one, and misses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revurb.pusher.socket_id import process_of
from tests.client import Http
from tests.e2e.answered_events import AnsweredEvents
from tests.e2e.resuming import GAP, LIBRARIES, SUCCEEDED, Comeback, comeback
from tests.e2e.steady_events import SteadyEvents
from tests.processes.pinned import http_of, trigger
from tests.processes.serving import all_ready, hub_pid, pids

CHANNEL = "private-room-1"
KILLS = 3
PUBLISHERS = 4


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


async def test_events_that_the_killed_worker_answered_come_once_and_in_order(
    tmp_path: Path, node_program: str
) -> None:
    async with comeback(tmp_path, node_program, "--workers", "2") as s:
        await s.open("a")
        await s.node.subscribe("a", CHANNEL)
        events = AnsweredEvents(CHANNEL)
        for number in range(KILLS):
            holder = await holder_of(s, "a")
            async with contextlib.AsyncExitStack() as stack:
                connections = [
                    await stack.enter_async_context(http_of(s.server, holder)) for _ in range(PUBLISHERS)
                ]
                await events.until_killed(str(number), connections, kill(s, "a", holder))
            await events.hear(s, "a", f"end {number}")
            await asyncio.to_thread(s.server.becomes, all_ready)
        await events.came_once_and_in_order(s.server.port)


async def test_the_hub_is_killed(tmp_path: Path, node_program: str) -> None:
    async with comeback(tmp_path, node_program, "--workers", "2") as s:
        for client in ("away", "there"):
            await s.open(client, port=s.line.port if client == "away" else s.server.port)
            await s.node.subscribe(client, CHANNEL)
        await s.publish(CHANNEL, 0)
        await s.numbers("away", CHANNEL, 0)
        s.line.cut()
        await s.publish(CHANNEL, 1)
        os.kill(hub_pid(s.server.status()), signal.SIGKILL)
        await s.publish(CHANNEL, 2)
        await asyncio.to_thread(s.server.said, "hub is ready", 2)
        await asyncio.to_thread(s.server.becomes, all_ready)
        s.line.mend()
        await s.node.event("away", SUCCEEDED, CHANNEL)
        assert await s.node.event("away", "pusher:resume_failed", CHANNEL) == {"reason": "expired"}
        gap = {"channel": CHANNEL, "reason": "expired"}
        for channel in (CHANNEL, "pusher"):
            assert await s.node.event("away", GAP, channel) == gap
        await s.publish(CHANNEL, 3)
        await s.numbers("away", CHANNEL, 3)
        await s.numbers("there", CHANNEL, 0, 1, 2, 3)  # one that stays connected needs no hub for events
