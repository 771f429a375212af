"""A host for tests: a relay on a real Unix socket, the log, and workers, which are connections of this process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self, TypeVar

from redis.asyncio import Redis

from revurb.bus.hub.event_log import PLACES, RING_BYTES, shared_log
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pipelines import AnyRedis, CommandArgs, ServerPipelines, run_pipeline
from revurb.bus.redis.pubsub_listener import PubSubListener
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.relay.relay_reader import RelayReader
from revurb.bus.relay.relay_server import RelayServer
from revurb.bus.relay.relayed_redis import RelayedRedis
from tests.redis_server import RedisServer

T = TypeVar("T")
DEADLINE_S = 10.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def until_told(ask: Callable[[], Awaitable[T]], condition: Callable[[T], object]) -> None:
    """Ask until the answer is so. A client of redis-py may take the cancellation by a timeout for a lost connection."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition(told := await ask()):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.005)


def impatient_client(server: RedisServer) -> Redis:
    """A client that gives an answer up soon."""
    redis = server.client()
    redis.connection_pool.connection_kwargs["socket_timeout"] = 0.2
    return redis


class HostWorker:
    """A worker's way to Redis. `messages` are those that came on channels, and "+channel" where one began."""

    def __init__(self, address: str, reader: RelayReader) -> None:
        self.reader = reader
        self.redis = RelayedRedis(address, reader)
        self.gate = ReceivingGate()
        self.messages: list[tuple[bytes, bytes]] = []
        self.lost: list[str] = []
        self.pipelines = ServerPipelines(lambda: self.redis.commands)
        self.listener = PubSubListener(self.redis.messages, self, self.gate)
        self._is_open = True

    async def run(self, *commands: CommandArgs) -> list[Any]:
        """The replies, in order."""
        async with asyncio.timeout(DEADLINE_S):
            return await run_pipeline(self.pipelines, commands)

    async def subscribe(self, *channels: str) -> None:
        """Returns when all have begun."""
        begun: set[str] = set()
        for channel in channels:
            self.subscribe_soon(channel, partial(begun.add, channel))
        await until(lambda: len(begun) == len(channels))

    def subscribe_soon(self, channel: str, then: Callable[[], None] = lambda: None) -> None:
        def begun() -> None:
            self.messages.append((b"+", channel.encode()))
            then()

        self.listener.subscribe(channel, begun)

    @property
    def is_held(self) -> bool:
        """Whether something has come that waits for the gate."""
        messages = self.redis._messages
        return messages is not None and messages.is_paused

    def heard(self, channel: bytes) -> list[bytes]:
        return [data for name, data in self.messages if name == channel]

    def on_message(self, channel: bytes, data: bytes) -> None:
        self.messages.append((channel, data))

    def on_lost(self, error: RedisUnavailable) -> None:
        self.lost.append(str(error))

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            await self.pipelines.close()
            await self.listener.close()
            await self.redis.aclose()
            self.reader.stop()


class RelayedHost:
    """`connect` makes the relay's clients of the Redis."""

    def __init__(
        self,
        connect: Callable[[], AnyRedis],
        address: str,
        places: int = PLACES,
        ring_bytes: int = RING_BYTES,
    ) -> None:
        self._memory = contextlib.ExitStack()
        self._connect = connect
        self.address = address
        self.log = self._memory.enter_context(shared_log(16, places, ring_bytes))
        self.relay: RelayServer | None = None
        self.workers: list[HostWorker] = []

    async def start_relay(self) -> None:
        self.relay = RelayServer(self.address, self.log, self._connect, 2.0)
        await self.relay.start()

    async def stop_relay(self) -> None:
        if self.relay is not None:
            relay, self.relay = self.relay, None
            await relay.stop()

    async def worker(self) -> HostWorker:
        """One that is connected with Redis, and listens."""
        worker = self.new_worker()
        await worker.redis.open()
        await worker.listener.open(())
        return worker

    def new_worker(self) -> HostWorker:
        reader = RelayReader(self.log)
        reader.start()
        worker = HostWorker(self.address, reader)
        self.workers.append(worker)
        return worker

    async def __aenter__(self) -> Self:
        """With a relay."""
        await self.start_relay()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        for worker in self.workers:
            await worker.close()
        await self.stop_relay()
        self._memory.close()
