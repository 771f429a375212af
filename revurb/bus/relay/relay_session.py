"""What the workers of a host share of Redis, from `open` until something breaks: one connection to each server for
commands and one for subscriptions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Protocol

from hiredis import pack_command
from redis.asyncio import RedisCluster

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pipelines import FAILURES, AnyRedis, PipelineDone
from revurb.bus.redis.sharded_listener import listener
from revurb.bus.relay import relay_messages as r
from revurb.bus.relay.host_answers import HostAnswers
from revurb.bus.relay.merged_pipelines import MergedPipelines
from revurb.bus.relay.relay_records import MAX_CHANNEL_BYTES, RelayRecords

_log = logging.getLogger(__name__)

OPEN_S = 6.0  # for connecting, less than a worker waits
SLOTS = 16_384
SLOTS_AGAIN_S = 2.5  # between two looks at which server has which slot: 2 ms
CHANNELS_PER_TURN = 1_000  # to be left when a worker has gone: 2 ms


class SubscribingWorker(Protocol):
    """A worker's connection. `bit` is what it is in the numbers that the session keeps for each channel; 0 while it has
    subscribed to none."""

    token: int
    connection: int
    bit: int

    def lose(self, reason: str) -> None:
        """It has missed something: it has to connect again, and to read the logs of Redis."""


class RelaySession:
    """Made with a new client, which it closes. `on_lost` is called once, when it is of no use any more. `timeout_s` is
    how long a reply to a worker may take."""

    def __init__(
        self,
        redis: AnyRedis,
        records: RelayRecords,
        timeout_s: float,
        on_lost: Callable[[RelaySession, RedisUnavailable], None],
    ) -> None:
        self._redis = redis
        self._records = records
        self._timeout_s = timeout_s
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        self._pipelines = MergedPipelines(redis)
        self._listener = listener(redis, self)
        self._wanted: dict[
            bytes, int
        ] = {}  # channel -> the bits of the workers that want it: 100,000 take 20 MB
        self._workers: dict[int, SubscribingWorker] = {}  # by bit
        self._answers = HostAnswers(self._publish)
        self._slots: tuple[list[int], list[str]] = ([], [])
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self.joined: r.RelayJoined | None = None  # what a worker is told, once it is open

    async def open(self) -> None:
        """Raises RedisUnavailable."""
        try:
            async with asyncio.timeout(OPEN_S):
                if isinstance(self._redis, RedisCluster):
                    await self._redis.initialize()
                await self._listener.open(())
        except TimeoutError:
            raise RedisUnavailable(f"no answer for {OPEN_S:.0f} s") from None
        except FAILURES as error:
            raise RedisUnavailable.because_of(error) from error
        is_cluster = isinstance(self._redis, RedisCluster)
        if is_cluster:
            self._slots = self._read_slots()
            self._timer = self._loop.call_later(SLOTS_AGAIN_S, self._look_at_slots)
        self._records.session_begins()
        server = self._listener.server_of("")
        self.joined = r.RelayJoined(server, self._timeout_s, is_cluster, *self._slots)

    async def close(self) -> None:
        """End all connections."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._answers.close()
        await cancel_and_wait(self._ending)
        await self._pipelines.close()
        await self._listener.close()
        await self._redis.aclose()

    def run(self, packed: bytes, commands: int, done: PipelineDone) -> None:
        """Send so many commands of a worker. `done` is not called any more when the session is over."""
        self._pipelines.run(packed, commands, done)

    def subscribe(self, worker: SubscribingWorker, channels: Sequence[bytes]) -> None:
        """Each channel is confirmed in the log, at the place where the subscription begins. Raises ValueError for what
        is no name of a channel."""
        names = [channel.decode() for channel in channels]
        if any(len(channel) > MAX_CHANNEL_BYTES for channel in channels):
            raise ValueError(f"a channel whose name has more than {MAX_CHANNEL_BYTES} bytes")
        if not worker.bit:
            worker.bit = next(1 << number for number in count() if 1 << number not in self._workers)
            self._workers[worker.bit] = worker
        for channel, name in zip(channels, names, strict=True):
            self._wanted[channel] = self._wanted.get(channel, 0) | worker.bit
            self._listener.subscribe(name, self._confirmation(worker, channel))

    def _confirmation(self, worker: SubscribingWorker, channel: bytes) -> Callable[[], None]:
        def begun() -> None:
            if not self._is_over:
                self._records.subscribed(worker.token, worker.connection, channel)

        return begun

    def unsubscribe(self, worker: SubscribingWorker, channels: Iterable[bytes]) -> None:
        """Want these channels no more."""
        wanted, bit = self._wanted, worker.bit
        for channel in channels:
            workers = wanted.get(channel, 0)
            if workers == bit:
                del wanted[channel]
                self._listener.unsubscribe(channel.decode())
            elif workers & bit:
                wanted[channel] = workers & ~bit

    def _workers_of(self, channel: bytes) -> list[SubscribingWorker]:
        workers = self._wanted.get(channel, 0)
        return [worker for bit, worker in self._workers.items() if workers & bit]

    def answer(self, worker: SubscribingWorker, answer: r.RelayAnswer) -> None:
        """A part of this host's answer to a question on a channel. Every worker gives one that is subscribed there."""
        self._answers.add(worker, self._workers_of(answer.channel.encode()), answer)

    def _publish(self, channel: str, message: bytes, done: Callable[[], None]) -> None:
        packed = pack_command(("PUBLISH", channel, message))  # type: ignore[arg-type]  # its stub says: one word
        self._pipelines.run(packed, 1, lambda replies: done())

    def forget(self, worker: SubscribingWorker) -> None:
        """A worker has gone: leave its channels, some in each turn of the event loop."""
        self._answers.forget(worker)
        if worker.bit and not self._is_over:
            self._forget_some(worker, iter(tuple(self._wanted)))

    def _forget_some(self, worker: SubscribingWorker, channels: Iterator[bytes]) -> None:
        if self._is_over:
            return
        some = tuple(islice(channels, CHANNELS_PER_TURN))
        if some:
            self.unsubscribe(worker, some)
            self._loop.call_soon(self._forget_some, worker, channels)
        else:
            del self._workers[worker.bit]

    def end_behind_messages(self, error: RedisUnavailable) -> None:
        """It is of no use any more, but for the messages that have come already: Redis may be gone, and its memory with
        it."""
        if not self._is_over and self._ending is None:
            self._ending = self._loop.create_task(self._read_rest_and_end(error))

    async def _read_rest_and_end(self, error: RedisUnavailable) -> None:
        await self._listener.read_rest()
        self.end(error)

    def end(self, error: RedisUnavailable) -> None:
        """It is of no use any more."""
        if not self._is_over:
            self._is_over = True
            self._on_lost(self, error)

    def _read_slots(self) -> tuple[list[int], list[str]]:
        """The first slots of the ranges that one server has, and the addresses of these servers."""
        assert isinstance(self._redis, RedisCluster)
        manager, firsts, servers = self._redis.nodes_manager, list[int](), list[str]()
        for slot in range(SLOTS):
            nodes = manager.slots_cache.get(slot)
            server = f"{nodes[0].host}:{nodes[0].port}" if nodes else ""
            if not servers or servers[-1] != server:
                firsts.append(slot)
                servers.append(server)
        return firsts, servers

    def _look_at_slots(self) -> None:
        if self._read_slots() != self._slots:
            self.end_behind_messages(RedisUnavailable("a part of the cluster has moved"))
            return
        self._timer = self._loop.call_later(SLOTS_AGAIN_S, self._look_at_slots)

    # What the listener calls (`PubSubHandler`).

    def on_message(self, channel: bytes, data: bytes) -> None:
        if self._is_over:  # another one may have begun
            return
        try:
            self._records.append(channel, data)
        except ValueError as error:
            _log.error("a message is too large for the log of the host", extra={"error": str(error)})
            for worker in self._workers_of(channel):
                worker.lose(str(error))

    def on_lost(self, error: RedisUnavailable) -> None:
        self.end_behind_messages(error)
