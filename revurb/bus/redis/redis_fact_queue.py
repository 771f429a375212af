"""The facts in Redis, in one session of a node: which node sends them, and what is read for it.

Each partition has a stream of facts, which the node that sends reads as a consumer group, one node at a time: it
holds a lease. What a dead sender has read and not done, the next one takes over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.fact_duty import FACTS_PER_MESSAGE
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.pace import Pace
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.session_tasks import SessionTasks
from revurb.pusher.facts import Fact, QueuedFact

RENEWALS_PER_LEASE = 4
READS_AT_ONCE = 8
FACTS_PER_READ = 100  # 0.2 ms of Redis
RECORDED_FOR_S = 600  # after which a node cannot send a fact once more
PARTITIONS_PER_LOOK = 64  # in which to look for facts of which nobody was told, at each renewal
_FROM_THE_FIRST = "0-0"  # of those that a sender has read
_NEW = ""

_decode = msgspec.msgpack.Decoder(Fact).decode
_encode = msgspec.msgpack.Encoder().encode


class RedisFactQueue:
    """The facts as `node` sees them. `subscribe` and `unsubscribe` are the listener's; `receive` gives a message to the
    bus, `reply` the answer to a question of it."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        tasks: SessionTasks,
        invalid: InvalidValues,
        lease_s: float,
        subscribe: Callable[[str, Callable[[], None]], None],
        unsubscribe: Callable[[str], None],
        receive: Callable[[m.FromBroker], None],
        reply: Callable[[int, object], None],
    ) -> None:
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._tasks = tasks
        self._invalid = invalid
        self._lease_s = lease_s
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._receive = receive
        self._reply = reply
        self._loop = asyncio.get_running_loop()
        self._is_sending = self._is_stopped = False
        self._end_timer: asyncio.TimerHandle | None = None  # of the lease
        self._partitions: Mapping[bytes, int] = {}  # by the channel on which they are told of
        self._due: dict[int, None] = {}  # partitions to be read
        self._reading: set[int] = set()
        self._from: dict[int, str] = {}  # of those of which not everything is taken over yet
        self._turns: Iterator[int] = iter(())

    def handle(self, message: m.FromWorker) -> None:
        """Do what a message of the bus about facts asks for."""
        match message:
            case m.RecordFact(number, fact):
                partition = self._keys.topic(fact.app_id, fact.channel).partition
                packed = _encode(fact)
                accepted = m.Accepted([number], m.RECORDED_FACTS)
                self._commands.run_script(
                    self._scripts.put_fact,
                    (self._keys.facts[partition], self._keys.recorded(partition, self._node)),
                    (packed, number, RECORDED_FOR_S),
                    lambda reply: self._receive(accepted),
                    lambda error: self._receive(accepted),  # it would not do better
                    long_bytes=len(packed),
                )
            case m.FactsDone(id, ids):
                self._forget(ids)
                self._commands.after_all(lambda: self._reply(id, True))
            case m.KeepForSender(id, name, value):
                kept = self._keys.facts_kept
                command = ("HDEL", kept, name) if value is None else ("HSET", kept, name, value)
                self._commands.run_command(*command, done=lambda reply: self._reply(id, True))
            case m.FactsReady():
                self._tasks.start(self._keep_claiming())

    def on_message(self, channel: bytes) -> bool:
        """Something was published on a channel. Returns whether it is that of a queue."""
        partition = self._partitions.get(channel)
        if partition is None:
            return False
        if self._is_sending:
            self._due[partition] = None
            self._read_due()
        return True

    def leave(self) -> None:
        """The node stops: another one may send at once."""
        self.stop()
        self._commands.run_script(self._scripts.end_sending, (self._keys.facts_sender,), (self._node,))

    def stop(self) -> None:
        """The session ends."""
        self._is_stopped = True
        self._end()

    # Which node sends.

    async def _keep_claiming(self) -> None:
        while not self._is_stopped:
            sent_at = time.monotonic()
            try:
                is_mine = await self._commands.ask_script(
                    self._scripts.claim_sending,
                    (self._keys.facts_sender,),
                    (self._node, int(self._lease_s * 1000)),
                )
            except UnusableValue:  # it was moved out of the way
                is_mine = 0
            if is_mine and not self._is_stopped:
                self._renewed(sent_at + self._lease_s - time.monotonic())
                if not self._is_sending:
                    await self._begin()
                self._look()
            else:
                self._end()
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE)

    def _renewed(self, for_s: float) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._end_timer = self._loop.call_later(for_s, self._end)

    async def _begin(self) -> None:
        try:
            found = await self._commands.ask("HGETALL", self._keys.facts_kept)
        except UnusableValue:
            found = ()
        kept: dict[str, bytes] = {}
        for name, value in zip(found[::2], found[1::2], strict=True):
            try:
                kept[name.decode()] = value
            except UnicodeDecodeError as error:
                self._invalid.report(self._keys.facts_kept, error)
        if self._is_stopped:
            return
        self._is_sending = True
        self._receive(m.FactsBegin(kept))
        pace, queues = Pace(self._commands), self._keys.facts
        self._turns = cycle(range(len(queues)))
        self._partitions = {queue.encode(): number for number, queue in enumerate(queues)}
        self._from = dict.fromkeys(range(len(queues)), _FROM_THE_FIRST)
        for number, queue in enumerate(queues):
            await pace.step()
            if not self._is_sending:
                return
            self._subscribe(queue, lambda number=number: self._subscribed(number))  # type: ignore[misc]

    def _end(self) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
        if not self._is_sending:
            return
        self._is_sending = False
        self._due.clear()
        if not self._is_stopped:
            for queue in self._keys.facts:
                self._unsubscribe(queue)
        self._receive(m.FactsEnd())

    # Reading.

    def _subscribed(self, number: int) -> None:
        if self._is_sending:
            self._due[number] = None
            self._read_due()

    def _look(self) -> None:
        """Read some partitions whether this node was told of facts or not: what was published may be lost."""
        if not self._from:  # everything was read once
            for _ in range(min(PARTITIONS_PER_LOOK, self._keys.partitions)):
                self._due[next(self._turns)] = None
            self._read_due()

    def _read_due(self) -> None:
        for number in tuple(self._due):
            if len(self._reading) >= READS_AT_ONCE:
                return
            if number not in self._reading:
                del self._due[number]
                self._reading.add(number)
                self._read(number)

    def _read(self, number: int) -> None:
        start = self._from.get(number, _NEW)
        self._commands.run_script(
            self._scripts.read_facts,
            (self._keys.facts[number],),
            (self._node, FACTS_PER_READ, start),
            lambda reply: self._on_read(number, start, reply),
            lambda error: self._on_read(number, start, (b"",)),
        )

    def _on_read(self, number: int, start: str, reply: Sequence[Any]) -> None:
        if not self._is_sending:
            self._reading.clear()
            return
        next_start, *found = reply
        facts = list(self._facts(number, found))
        if facts:
            self._receive(m.FactsTaken(facts))
        if start != _NEW:
            if next_start:
                self._from[number] = next_start.decode()
            else:
                self._from.pop(number, None)
            self._read(number)
        elif len(found) >= 2 * FACTS_PER_READ:
            self._read(number)
        else:
            self._reading.discard(number)
            self._read_due()

    def _facts(self, number: int, found: Sequence[bytes]) -> Iterator[QueuedFact]:
        for stream_id, packed in zip(found[::2], found[1::2], strict=True):
            id = f"{number}:{stream_id.decode()}"
            try:
                yield QueuedFact(id, _decode(packed))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                self._invalid.report(self._keys.facts[number], error)
                self._forget([id])

    def _forget(self, ids: Sequence[str]) -> None:
        by_partition: dict[int, list[str]] = {}
        for id in ids:
            number, _, stream_id = id.partition(":")
            if number.isdigit() and int(number) < self._keys.partitions:
                by_partition.setdefault(int(number), []).append(stream_id)
        for partition, stream_ids in by_partition.items():
            for start in range(0, len(stream_ids), FACTS_PER_MESSAGE):
                self._commands.run_script(
                    self._scripts.facts_done,
                    (self._keys.facts[partition],),
                    stream_ids[start : start + FACTS_PER_MESSAGE],
                )
