"""Two nodes with a Redis, or two workers with a hub, users who come and go on them, and a receiver that fails a third
of the requests. Nodes are killed meanwhile, the one that sends among them, or the hub: afterwards the receiver knows
who is where."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from revurb.processes.control_socket import ServerStatus
from tests.chaos.churn import Receiver, Visitor
from tests.chaos.storm import LONG, seconds
from tests.client import api
from tests.conftest import Need, Run
from tests.processes.serving import Serving, serving
from tests.processes.test_single_node import APP
from tests.redis_server import RedisServer

VISITORS = 60
PAUSE_S = 0.04  # 2,000 facts a second of all
KILLS_EVERY_S = seconds(4, 2.5)
DEADLINE_S = 60.0


@pytest.fixture
def redis(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


async def truth(port: int) -> dict[str, set[str]]:
    """Who is where, as a node says it."""
    answer = await api(port, APP, "GET", "/channels", query={"filter_by_prefix": "presence-"})
    found: dict[str, set[str]] = {}
    for channel in answer.json()["channels"]:
        users = await api(port, APP, "GET", f"/channels/{channel}/users")
        found[channel] = {user["id"] for user in users.json()["users"]}
    return found


@pytest.mark.parametrize("smoothing_s", [0.5, 0] if LONG else [0.5])
async def test_the_receiver_knows_who_is_where_whatever_befell(
    redis: RedisServer, tmp_path: Path, smoothing_s: float
) -> None:
    random, rounds = Random(15), int(seconds(8, 2))
    receiver = Receiver(APP, random)
    async with receiver.listening():
        environment = {
            "REVERB_SCALING_ENABLED": "true",
            "REDIS_URL": f"unix://{redis.socket}",
            "REVURB_REDIS_LEASE": "3",
            "REVURB_SCALING_PROTOCOL": "revurb",
            "REVURB_APP_WEBHOOK_URL": f"http://127.0.0.1:{receiver.port}/hook",
            "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true",
            "REVURB_WEBHOOKS_SMOOTHING": str(smoothing_s),
        }
        with ExitStack() as stack:

            def start() -> Serving:
                return stack.enter_context(serving(tmp_path, environment=environment))

            nodes = [await asyncio.to_thread(start) for _ in range(2)]
            ports = [node.port for node in nodes]
            visitors = [
                Visitor(APP, f"u{number}", ports, Random(number), PAUSE_S) for number in range(VISITORS)
            ]
            began = time.monotonic()
            for number in range(rounds):
                await asyncio.sleep(KILLS_EVERY_S)
                victim = number % 2
                os.kill(nodes[victim].process.pid, signal.SIGKILL)
                await asyncio.to_thread(nodes[victim].process.wait)
                nodes[victim] = await asyncio.to_thread(start)
                ports[victim] = nodes[victim].port
            await asyncio.sleep(KILLS_EVERY_S)
            for visitor in visitors:
                visitor.stop()
            took_s = time.monotonic() - began
            changes = sum(visitor.changes for visitor in visitors)
            expected: dict[str, set[str]] = {}
            async with asyncio.timeout(DEADLINE_S):
                while (expected := await truth(ports[0])) != receiver.members or not expected:
                    await asyncio.sleep(0.5)
            print(
                f"{changes / took_s:.0f} changes/s, {receiver.events} events in {receiver.requests} requests,"
                f" {receiver.failed} failed, {receiver.repeats} repeated"
            )
            assert not receiver.problems
            for visitor in visitors:
                visitor.task.cancel()


async def test_the_receiver_knows_who_is_where_when_hubs_have_died(tmp_path: Path) -> None:
    """It hears of no member on a channel of which it was not told, whatever the dead hub had told last."""
    receiver = Receiver(APP, Random(16))
    async with receiver.listening():
        environment = {
            "REVURB_APP_WEBHOOK_URL": f"http://127.0.0.1:{receiver.port}/hook",
            "REVURB_WEBHOOKS_ALLOW_PRIVATE": "true",
            "REVURB_WEBHOOKS_SMOOTHING": "0.5",
        }
        with ExitStack() as stack:

            def start() -> Serving:
                return stack.enter_context(serving(tmp_path, "--workers", "2", environment=environment))

            def hub(before: int) -> int:
                """The pid of the one after that, once it serves."""

                def serves(status: ServerStatus) -> bool:
                    rows = status.processes
                    return all(row.state == "ready" for row in rows) and before not in [
                        row.pid for row in rows
                    ]

                (pid,) = [row.pid for row in server.becomes(serves).processes if row.process == "hub"]
                assert pid is not None
                return pid

            server = await asyncio.to_thread(start)
            visitors = [
                Visitor(APP, f"u{number}", [server.port], Random(number), 2 * PAUSE_S) for number in range(40)
            ]
            pid = 0
            for _ in range(int(seconds(4, 2))):
                pid = await asyncio.to_thread(hub, pid)
                changes = sum(visitor.changes for visitor in visitors)
                async with asyncio.timeout(DEADLINE_S):
                    while sum(visitor.changes for visitor in visitors) < changes + 1000:
                        await asyncio.sleep(0.05)
                os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(hub, pid)
            for visitor in visitors:
                visitor.stop()
            expected: dict[str, set[str]] = {}
            async with asyncio.timeout(DEADLINE_S):
                while (expected := await truth(server.port)) != receiver.members or not expected:
                    await asyncio.sleep(0.5)
            assert not receiver.problems
            for visitor in visitors:
                visitor.task.cancel()
