"""pusher-js with the module for browsers and two nodes on one Redis: what it missed at one, it gets at the other."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.client import http
from tests.conftest import Need, Run
from tests.e2e.answered_events import AnsweredEvents
from tests.e2e.resuming import GAP, HISTORY, LIBRARIES, SUCCEEDED, Comeback, comeback, stop
from tests.e2e.steady_events import SteadyEvents
from tests.processes.serving import Serving, serving
from tests.redis_server import RedisServer

CHANNEL = "private-room-1"
PUBLISHERS = 6


@pytest.fixture
def redis(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


def shared(redis: RedisServer) -> Mapping[str, str]:
    return {**HISTORY, "REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{redis.socket}"}


@contextlib.asynccontextmanager
async def two_nodes(
    redis: RedisServer, folder: Path, program: str, *arguments: str
) -> AsyncIterator[tuple[Comeback, Serving]]:
    """The stage with the first node at the end of the line, and the second node."""
    async with comeback(folder, program, *arguments, environment=shared(redis)) as s:
        with serving(folder, *arguments, environment=shared(redis)) as other:
            yield s, other
            await asyncio.to_thread(stop, other)


async def move(s: Comeback, node: Serving, lose: Callable[[str], Awaitable[None]]) -> None:
    """The client "a" loses its connection, and gets the next one from this node."""
    s.line.target = node.port
    await lose("a")


async def kill(s: Comeback) -> None:
    """Kill the first node with all its processes; returns when the client "a" is connected to the other one."""
    pids = [row.pid for row in s.server.status().processes]
    s.server.signal(signal.SIGKILL)
    for pid in pids:
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # without a supervisor they end by themselves
                os.kill(pid, signal.SIGKILL)
    await s.node.state("a", "connecting")
    await s.node.state("a", "connected")


@pytest.mark.parametrize(
    ("library", "workers"), [*((library, "1") for library in LIBRARIES), ("pusher-js", "2")]
)
async def test_every_event_comes_once_and_in_order(
    library: str, workers: str, redis: RedisServer, tmp_path: Path, node_program: str
) -> None:
    async with two_nodes(redis, tmp_path, node_program, "--workers", workers) as (s, other):
        await s.open("a", library=library)
        await s.node.subscribe("a", CHANNEL)
        turns = itertools.cycle((s.server, other))
        events = SteadyEvents(s.node, "a", lambda number: s.publish(CHANNEL, number, port=next(turns).port))
        await events.once_more()
        for lose, node in zip(s.losses(library), itertools.cycle((other, s.server))):
            await events.during(move(s, node, lose))
        await events.came_once_and_in_order()


@pytest.mark.parametrize("library", ["pusher-js-4", "pusher-js"])
async def test_a_node_is_killed(library: str, redis: RedisServer, tmp_path: Path, node_program: str) -> None:
    async with two_nodes(redis, tmp_path, node_program) as (s, other):
        await s.open("a", library=library)
        await s.node.subscribe("a", CHANNEL)
        await s.publish(CHANNEL, 0)  # over the node that is killed
        await s.numbers("a", CHANNEL, 0)
        events = SteadyEvents(s.node, "a", lambda number: s.publish(CHANNEL, number, port=other.port))
        await events.once_more()
        s.line.target = other.port

        await events.during(kill(s))
        await events.came_once_and_in_order()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_events_that_the_killed_node_answered_come_once_and_in_order(
    workers: str, redis: RedisServer, tmp_path: Path, node_program: str
) -> None:
    async with two_nodes(redis, tmp_path, node_program, "--workers", workers) as (s, other):
        await s.open("a")
        await s.node.subscribe("a", CHANNEL)
        events = AnsweredEvents(CHANNEL)
        async with contextlib.AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(http(s.server.port)) for _ in range(PUBLISHERS)]
            s.line.target = other.port
            await events.until_killed("first", connections, kill(s))
        await events.hear(s, "a", "end")
        await events.came_once_and_in_order(other.port)


async def test_a_gap_is_told_when_redis_was_emptied(
    redis: RedisServer, tmp_path: Path, node_program: str
) -> None:
    async with two_nodes(redis, tmp_path, node_program) as (s, other):
        await s.open("a")
        await s.node.subscribe("a", CHANNEL)
        await s.publish(CHANNEL, 0)
        await s.numbers("a", CHANNEL, 0)
        s.line.cut()
        await redis.kill()
        await redis.start()
        await s.publish(CHANNEL, 1, port=other.port)
        s.line.target = other.port
        s.line.mend()
        await s.node.event("a", SUCCEEDED, CHANNEL)
        await s.node.event("a", "pusher:resume_failed", CHANNEL)
        gap = {"channel": CHANNEL, "reason": "epoch"}
        assert await s.node.event("a", GAP, CHANNEL) == gap
        assert await s.node.event("a", GAP, "pusher") == gap
        await s.publish(CHANNEL, 2)
        await s.numbers("a", CHANNEL, 2)
