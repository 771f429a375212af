"""Events on their way to Redis: those of one turn of the event loop, or those that came while a pipeline was in flight,
share one run of a script.

A script may only touch keys of one server. So in a Cluster there is a batch for each partition; and also on a plain
connection that leads to a cluster, which a probe finds out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
from redis.exceptions import ResponseError

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.outbound_queue import MAX_WAITING, MAX_WAITING_BYTES
from revurb.bus.redis import envelope
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.kept_bytes import KeptBytes
from revurb.bus.redis.keys import Keys, TopicKeys
from revurb.bus.redis.pace import SLICE_S
from revurb.bus.redis.pipelines import FAILURES, CommandArg, CommandArgs
from revurb.bus.redis.redis_commands import FailureCallback
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.shared_redis import LinkedRedis, is_cluster
from revurb.bus.redis.taken_events import TakenEvents
from revurb.pusher.history import HistoryBounds

_log = logging.getLogger(__name__)

MAX_BATCH_EVENTS = 100  # of one run, about 1 ms, during which Redis does nothing else
MAX_BATCH_BYTES = 256 * 1024
MAX_QUEUED_BYTES = 4 * 1024 * 1024  # in the command queue; what comes then waits here
_EVENT_BYTES = 300  # memory of an event besides its text

_encode = msgspec.msgpack.Encoder().encode


class EventPublisher:
    """Publishes the node's events. `accepted` gets the numbers of the events that Redis has taken, which are in
    `taken` for a while; `kept_ms` is how long the log keeps events.

    `by_partition` is whether there is a batch for each partition.
    """

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        kept_ms: int,
        taken: TakenEvents,
        accepted: Callable[[list[int]], None],
    ) -> None:
        self._node = node
        self._keys = keys
        self._script = scripts.publish_batch
        self._sha_with_history = scripts.publish_kept.sha
        self._kept_bytes = KeptBytes(keys, scripts, commands, lambda: self.by_partition)
        self._commands = commands
        self._kept_ms = kept_ms
        self._taken = taken
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self.by_partition = True
        self._newest: dict[int, _PublishBatch] = {}  # by group, as long as it is not done
        self._waiting: deque[m.Publish] = deque()
        self._waiting_bytes = 0

    async def probe(self, redis: LinkedRedis) -> None:
        """Find out whether one script may touch all partitions. Raises RedisUnavailable."""
        if is_cluster(redis):
            return
        batch = self._new_batch(0)
        for number in (0, 1):
            batch.key_index(self._keys.logs[number])
        try:
            await redis.execute_command(*batch.command_args())
        except ResponseError as error:
            if "slot" not in str(error).lower():
                raise RedisUnavailable.because_of(error) from error
            _log.info("redis is a cluster behind one address: events are published by partition")
        except FAILURES as error:
            raise RedisUnavailable.because_of(error) from error
        else:
            self.by_partition = False

    def publish(self, event: m.Publish) -> None:
        """Add an event to the batch of this turn of the event loop, unless much waits already: then it waits for
        that."""
        if self._waiting or self._commands.waiting_bytes > MAX_QUEUED_BYTES:
            self._wait(event)
            return
        seq, keys, commands = event.seq, self._keys, self._commands
        topic = keys.topic(event.app_id, event.channel)
        partition = topic.partition
        group = partition if self.by_partition else 0
        batch = commands.growable_batch(group)
        # Its fields are read and written here: calls for every event would be a tenth of all this.
        if (
            not isinstance(batch, _PublishBatch)
            or len(batch.seqs) >= MAX_BATCH_EVENTS
            or batch.size_bytes >= MAX_BATCH_BYTES
        ):
            batch = self._new_batch(group)
            if group in self._newest:
                batch.run_after(self._newest[group])
            self._newest[group] = batch
            commands.add_batch(group, batch)
        log = batch.pair_index(keys.logs[partition], keys.seqs[partition])
        args: tuple[object, ...]
        if event.history is None:
            packed = envelope.pack(self._node, seq, event)
            size_bytes = len(packed) + _EVENT_BYTES
            args = (log, seq, topic.channel, _msgpack_str(packed))
            if event.cache_ttl_s:
                args += (batch.key_index(topic.cached), _msgpack_str(event.text), event.cache_ttl_s)
        else:
            size_bytes = len(event.text) + 2 * _EVENT_BYTES
            args = self._args_with_history(batch, event, event.history, topic, log)
        batch.seqs.append(seq)
        batch.messages.append(event)
        batch.events.append(args)
        batch.size_bytes += size_bytes
        commands.waiting_bytes += size_bytes

    def _args_with_history(
        self, batch: _PublishBatch, event: m.Publish, bounds: HistoryBounds, topic: TopicKeys, log: int
    ) -> tuple[object, ...]:
        app_id, channel, partition = event.app_id, event.channel, topic.partition
        batch.keep_history(self._sha_with_history, self._on_kept)
        before, after = envelope.pack_around(self._node, event.seq, event)
        size, ttl_s, app_bytes = bounds
        bytes_key = batch.pair_index(*self._keys.history_bytes(partition, app_id))
        batch.bytes_of[bytes_key] = (app_id, partition)
        kept = (
            batch.pair_index(topic.head, topic.events),
            bytes_key,
            _msgpack_str(after),
            event.except_socket_id or False,
            size,
            ttl_s * 1000,
            self._kept_bytes.allowed(app_id, partition, app_bytes),
            channel,
        )
        cached = batch.key_index(topic.cached) if event.cache_ttl_s else False
        text = _msgpack_str(event.text)
        return log, event.seq, topic.channel, _msgpack_str(before), cached, text, event.cache_ttl_s, kept

    def _on_kept(self, batch: _PublishBatch, sums: Sequence[int]) -> None:
        for index, sum_bytes in zip(sums[::2], sums[1::2], strict=True):
            self._kept_bytes.told(*batch.bytes_of[index], sum_bytes)

    async def drained(self) -> None:
        """Wait until no event waits for its batch."""
        while self._waiting:
            room = asyncio.Event()
            self._commands.when_room(room.set)
            await room.wait()

    def session_ended(self) -> None:
        """No reply comes any more."""
        self._kept_bytes.stop()
        self._taken.session_ended(self._commands.pipelines_done, self._loop.time())

    def _wait(self, event: m.Publish) -> None:
        self._waiting.append(event)
        self._waiting_bytes += len(event.text) + _EVENT_BYTES
        # The bus keeps events until they are accepted, and drops the oldest of too many, too; it counts and logs that.
        while len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft().text) + _EVENT_BYTES
        if len(self._waiting) == 1:
            self._commands.when_room(self._go_on)

    def _go_on(self) -> None:
        """Some commands were sent: add what waits to batches, as much as there is room for."""
        until = time.monotonic() + SLICE_S
        waiting, self._waiting = self._waiting, deque()
        while waiting and self._commands.waiting_bytes <= MAX_QUEUED_BYTES and time.monotonic() < until:
            event = waiting.popleft()
            self._waiting_bytes -= len(event.text) + _EVENT_BYTES
            self.publish(event)
        self._waiting = waiting
        if waiting:
            self._commands.when_room(self._go_on)

    def _new_batch(self, group: int) -> _PublishBatch:
        return _PublishBatch(
            group, self._script.sha, (self._node, self._kept_ms), self._on_taken, self._on_done
        )

    def _on_taken(self, batch: _PublishBatch) -> None:
        pipeline = self._commands.pipelines_sent
        if self.by_partition:
            now = self._loop.time()
            self._taken.took_of_partition(batch.group, pipeline, batch.messages, batch.size_bytes, now)
        else:
            self._taken.took(pipeline, batch.messages)
        self._on_done(batch)

    def _on_done(self, batch: _PublishBatch) -> None:
        """The events are taken, or lost to the others: their publishers are not to wait for ever."""
        if self._newest.get(batch.group) is batch:
            del self._newest[batch.group]
        self._accepted(batch.seqs)


_BatchCallback: TypeAlias = "Callable[[_PublishBatch], None]"


def _msgpack_str(data: bytes) -> msgspec.Raw:
    """The data as MessagePack's `str 32`: Redis' MessagePack reader knows no bin type."""
    return msgspec.Raw(b"\xdb" + len(data).to_bytes(4) + data)


class _PublishBatch:
    """One run of the script: a `RedisCommand` that grows until it is sent. `events` are in the form that the script
    expects, `messages` those that they came as, `seqs` their numbers; whoever adds one adds to `size_bytes` too.
    `taken` or `refused` is called with it."""

    __slots__ = (
        "_after",
        "_args",
        "_keys",
        "_on_kept",
        "_refused",
        "_sha",
        "_taken",
        "bytes_of",
        "events",
        "group",
        "messages",
        "seqs",
        "size_bytes",
    )

    def __init__(
        self,
        group: int,
        sha: str,
        args: tuple[CommandArg, ...],
        taken: _BatchCallback,
        refused: _BatchCallback,
    ) -> None:
        self.group = group
        self._sha = sha
        self._args = args
        self._taken = taken
        self._refused = refused
        self._keys: dict[str, int] = {}
        self._after: tuple[CommandArg, ...] = ()
        self._on_kept: Callable[[_PublishBatch, Sequence[int]], None] | None = None
        self.events: list[tuple[object, ...]] = []
        self.messages: list[m.Publish] = []
        self.seqs: list[int] = []
        self.size_bytes = 0

    @property
    def weight(self) -> int:
        """Of 100 small events as of 25 plain commands: 0.5 ms to pack, 1 ms of Redis."""
        return 1 + len(self.events) // 4 + self.size_bytes // 16_384

    def key_index(self, key: str) -> int:
        """The key's index in KEYS, from 1 on; adds the key if it is new."""
        return self._keys.setdefault(key, len(self._keys) + 1)

    def pair_index(self, first: str, second: str) -> int:
        """The index of a key in KEYS, where the second follows; adds both if they are new."""
        index = self._keys.get(first)
        if index is None:
            index = self.key_index(first)
            self.key_index(second)
        return index

    def keep_history(self, sha: str, on_kept: Callable[[_PublishBatch, Sequence[int]], None]) -> None:
        """Run the script that knows of history. `on_kept` gets its reply, which begins with indexes in `bytes_of`."""
        if self._on_kept is None:
            self._sha, self._on_kept = sha, on_kept
            self.bytes_of: dict[int, tuple[str, int]] = {}  # index of a key -> app id, partition

    def run_after(self, previous: _PublishBatch) -> None:
        """Refuse to run unless `previous` has run, which is complete and goes to the same server."""
        index, keys = previous.events[-1][0], previous.keys
        assert isinstance(index, int)
        own_index = self.pair_index(keys[index - 1], keys[index])
        self._after = (own_index + 1, previous.seqs[-1])

    @property
    def keys(self) -> Sequence[str]:
        return list(self._keys)

    @property
    def failed(self) -> FailureCallback:
        return lambda error: self._refused(self)

    def command_args(self) -> CommandArgs:
        return (
            "EVALSHA",
            self._sha,
            len(self._keys),
            *self._keys,
            *self._args,
            _encode(self.events),
            *self._after,
        )

    def done(self, reply: Any) -> None:
        if self._on_kept is not None:
            self._on_kept(self, reply)
        self._taken(self)
