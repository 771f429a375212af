"""Three nodes over a Redis with a replica, lines to them, and everything that befalls them, by chance of a seed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from revurb.processes.control_socket import ServerStatus
from tests.chaos.returning.line import Line, line
from tests.chaos.returning.pages import Pages
from tests.processes.serving import Serving, serving
from tests.redis_server import Sentinels, free_ports

NODES = 3


class World:
    """`nodes` are those that run. Made by `running_world`. `scale` shortens what lasts for seconds."""

    def __init__(
        self, chance: Random, sentinels: Sentinels, folder: Path, environment: Mapping[str, str], scale: float
    ) -> None:
        self.chance = chance
        self.redis = sentinels
        self.scale = scale
        self.ports = free_ports(NODES)
        self.nodes: dict[int, Serving] = {}
        self.lines: list[Line] = []
        self.befallen: list[str] = []
        self._stack = contextlib.ExitStack()
        self._folder = folder
        self._environment = environment

    async def start(self, number: int) -> None:
        """Start a node; the last one is a single process."""
        workers = ("--workers", "2") if number < NODES - 1 else ()

        def start() -> Serving:
            made = serving(
                self._folder, "--port", str(self.ports[number]), *workers, environment=self._environment
            )
            return self._stack.enter_context(made)

        self.nodes[number] = await asyncio.to_thread(start)

    def close(self) -> None:
        self._stack.close()

    async def calm(self) -> None:
        """Everything is mended: wait until each node is whole and has its Redis."""
        for made in self.lines:
            made.mend()
        for number in range(NODES):
            if number not in self.nodes:
                await self.start(number)
            await asyncio.to_thread(self.nodes[number].becomes, _is_whole)

    # What befalls the nodes, one after the other.

    async def restarted(self) -> None:
        node = self._any_node()
        node.signal(signal.SIGHUP)
        await self._for(2, 6)

    async def worker_killed(self) -> None:
        node = self.nodes[self.chance.randrange(NODES - 1)]
        with contextlib.suppress(OSError, AssertionError):  # it may be starting, or ending
            rows = await asyncio.to_thread(node.workers)
            pid = self.chance.choice(rows).pid
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        await self._for(1, 4)

    async def node_killed(self) -> None:
        number = self.chance.choice(sorted(self.nodes))
        node = self.nodes.pop(number)
        pids: list[int | None] = []
        with contextlib.suppress(OSError, AssertionError):  # then they end by themselves
            pids = [row.pid for row in (await asyncio.to_thread(node.status)).processes]
        node.process.kill()
        node.process.wait()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
        await self._for(1, 8)
        await self.start(number)
        await self._for(1, 3)

    async def node_stopped(self) -> None:
        number = self.chance.choice(sorted(self.nodes))
        node = self.nodes.pop(number)
        node.signal(signal.SIGTERM)
        await asyncio.to_thread(node.ended)
        await self.start(number)
        await self._for(1, 3)

    async def redis_stands_still(self) -> None:
        self.redis.signal(signal.SIGSTOP)
        await self._for(1, 10)
        self.redis.signal(signal.SIGCONT)
        await self._for(2, 5)

    async def redis_killed(self) -> None:
        """It comes back with nothing."""
        await self.redis.kill_master()
        await self._for(0.5, 8)
        await self.redis.start_master()
        await self._for(2, 5)

    async def redis_fails_over(self) -> None:
        await self.redis.kill_master()
        await self._for(0.2, 4)
        await self.redis.fail_over()
        await self._for(2, 5)

    async def redis_connections_killed(self) -> None:
        async with self.redis.client() as client:
            for kind in self.chance.sample(("normal", "pubsub"), self.chance.randint(1, 2)):
                await client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        await self._for(1, 3)

    # What befalls the pages meanwhile.

    async def line_cut(self) -> None:
        made = self.chance.choice(self.lines)
        made.cut()
        await self._for(1, 40)
        made.mend()

    async def line_swallows(self) -> None:
        made = self.chance.choice(self.lines)
        made.swallow()
        await self._for(1, 40)
        made.mend()

    async def pages_reloaded(self, pages: Pages, count: int) -> None:
        """Some, each by any node."""
        for page in self.chance.sample(range(count), max(1, count // 5)):
            pages.tell("reload", page=page, port=self.chance.choice(self.lines).port)
        await self._for(0.5, 5)

    async def befall(self, faults: Sequence[Callable[[], Awaitable[None]]], name: str) -> None:
        """One fault after the other."""
        for fault in faults:
            self.befallen.append(f"{name} {getattr(fault, '__name__', 'pages_reloaded')}")
            await fault()

    def _any_node(self) -> Serving:
        return self.nodes[self.chance.choice(sorted(self.nodes))]

    async def _for(self, least_s: float, most_s: float) -> None:
        await asyncio.sleep(self.chance.uniform(least_s, most_s) * self.scale)


def _is_whole(status: ServerStatus) -> bool:
    return status.state == "ready" and all(row.state == "ready" and not row.bus for row in status.processes)


@contextlib.asynccontextmanager
async def running_world(
    chance: Random, sentinels: Sentinels, folder: Path, environment: Mapping[str, str], scale: float
) -> AsyncIterator[World]:
    async with contextlib.AsyncExitStack() as stack:
        await sentinels.start()
        stack.push_async_callback(sentinels.kill)
        world = World(chance, sentinels, folder, {**environment, **sentinels.environment}, scale)
        stack.callback(world.close)
        for number in range(NODES):
            await world.start(number)
        world.lines = [await stack.enter_async_context(line(port)) for port in world.ports]
        yield world
