"""One session with Redis, from connecting until something breaks: messages of the bus become commands, what Redis
publishes becomes messages.

Plan: connect, acquire a lease, subscribe, report everything (`Hello`), catch up with the log, and work until the end.
All collaborators are created for one session and end with it; `LinkMemory` outlives it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import RedisCluster

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLinkOwner
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.catch_up import catch_up
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.event_publisher import EventPublisher
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.ledger_queries import run_query
from revurb.bus.redis.node_leases import NodeLeases
from revurb.bus.redis.node_notes import NodeNotes
from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.pubsub_listener import PubSubListener
from revurb.bus.redis.redis_heartbeat import LogTails, RedisHeartbeat
from revurb.bus.redis.redis_ledger import RedisLedger, read_enter_reply
from revurb.bus.redis.resync_barrier import ResyncBarrier
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.sharded_listener import ShardedListener
from revurb.bus.redis.state_report import report_state
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions

_log = logging.getLogger(__name__)

OPENING_S = 8.0  # for everything before the session is up


@dataclass(slots=True)
class LinkMemory:
    """What a link has from one session to the next. `epoch` is that of the Redis to which it was last connected, "" for
    none. `started_at` is since when this node may have clients, in time.monotonic."""

    owner: BrokerLinkOwner
    node: str
    events: MemberEvents
    keys: Keys
    lease_s: float
    kept_ms: int
    incoming: IncomingEvents
    topics: TopicSubscriptions
    heartbeat: RedisHeartbeat
    barrier: ResyncBarrier
    epoch: str = ""
    started_at: float = 0.0


class RedisSession:
    """Created with a new client, which it closes at its end. `is_up` is True from when messages can be sent."""

    def __init__(self, redis: AnyRedis, memory: LinkMemory) -> None:
        node, keys = memory.node, memory.keys
        owner = memory.owner
        self.is_up = False
        self._redis = redis
        self._memory = memory
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_leaving = False
        self._has_left = asyncio.Event()
        self._missed = 0
        self._is_first = False
        self._is_new_redis = False
        scripts = self._scripts = Scripts(sharded=isinstance(redis, RedisCluster))
        commands = self._commands = CommandQueue(redis, scripts, keys.leases, self.break_off)
        self._listener = (
            ShardedListener(redis, self) if isinstance(redis, RedisCluster) else PubSubListener(redis, self)
        )
        self._ledger = RedisLedger(node, keys, scripts, commands, memory.events, memory.kept_ms)
        self._publisher = EventPublisher(
            node, keys, scripts, commands, memory.kept_ms, lambda seqs: owner.receive((m.Accepted(seqs),))
        )
        self._notes = NodeNotes(
            node,
            keys,
            scripts,
            commands,
            on_question=lambda number, question: owner.receive((m.SurveyQuestion(number, question),)),
            on_answer=lambda id, answer: owner.receive((m.SurveyResult(id, answer),)),
            on_gone=lambda node: owner.receive((m.NodeGone(node),)),
        )
        self._leases = NodeLeases(
            node, keys, scripts, commands, self._ledger, self._notes, memory.lease_s, self.break_off
        )

    # From opening to the end.

    async def run(self) -> None:
        """Open, and work until something breaks. Raises RedisUnavailable at its end, which says what."""
        opening = asyncio.get_running_loop().create_task(self._open())
        try:
            await asyncio.wait(
                (opening, self._broken), timeout=OPENING_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not self._broken.done():
                if not opening.done():
                    raise RedisUnavailable(f"no answer for {OPENING_S:.0f} s")
                self._begin(*opening.result())
            await self._broken
        finally:
            await cancel_and_wait(opening)
            self._broken.cancel()
            for future in (opening, self._broken):
                if not future.cancelled():
                    future.exception()  # asyncio complains about an exception that nobody retrieves
            await self._memory.heartbeat.stop()
            await self._leases.stop()
            await self._commands.stop()
            await self._listener.close()
            await self._redis.aclose()

    async def finish(self) -> None:
        """Wait until everything that was sent is done, the goodbye included."""
        await (self._has_left.wait() if self._is_leaving else self._commands.flush())

    def break_off(self, error: RedisUnavailable) -> None:
        """End the session."""
        if not self._broken.done():
            self._broken.set_exception(error)

    async def _open(self) -> tuple[str, list[LogTails]]:
        """Do everything that has to be waited for. Returns the epoch of this Redis, and where its logs end. Raises
        RedisUnavailable."""
        keys, heartbeat = self._memory.keys, self._memory.heartbeat
        await self._commands.load()
        await self._publisher.probe(self._redis)
        self._commands.start()
        epoch = await self._leases.acquire()
        tails = await heartbeat.open(self._commands, self._scripts.heartbeat, self._publisher.by_partition)
        await self._listener.open((keys.all_nodes, keys.inbox(self._memory.node), *heartbeat.channels))
        return epoch, tails

    def _begin(self, epoch: str, tails: list[LogTails]) -> None:
        memory = self._memory
        self._is_first = not memory.epoch
        self._is_new_redis = not self._is_first and epoch != memory.epoch
        if self._is_new_redis:
            _log.warning("redis has lost its memory: what nobody else has is gone")
        memory.epoch = epoch
        memory.incoming.reset(forget_positions=self._is_new_redis)
        self._missed = int(
            memory.heartbeat.begin(
                tails,
                self._listener.server_of,
                served_s=time.monotonic() - memory.started_at if self._is_first else None,
                is_new_redis=self._is_new_redis,
            )
        )
        memory.incoming.catch_up()
        memory.barrier.reset()
        if self._is_new_redis:
            memory.barrier.close()
        self.is_up = True
        self._leases.start()
        memory.owner.linked()

    # Messages from the bus.

    def send(self, message: m.FromWorker) -> None:
        """Do what a message asks for. Order is kept."""
        ledger, run_after_resync = self._ledger, self._memory.barrier.run
        match message:
            case m.Publish():
                self._publisher.publish(message)
            case m.Enter():
                run_after_resync(lambda: self._enter(message))
            case m.SubscriberCount(app_id, channel, count):
                ledger.set_count(app_id, channel, count)
            case m.Leave(app_id, channel, count, member):
                run_after_resync(lambda: ledger.leave(app_id, channel, member, count))
            case m.Unsubscribe(app_id, channel):
                self._listener.unsubscribe(self._memory.topics.remove(app_id, channel))
            case m.ConnectionCount(app_id, _, count):
                ledger.set_connections(app_id, count)
            case m.Hello():
                self._hello(message)
            case m.Goodbye():
                self._is_leaving = True
                self._leases.goodbye(self._has_left.set)
            case m.SurveyReply(id, answer):
                self._notes.answer(id, answer)
            case m.StartSurvey(id, question):
                self._leases.count_live(lambda asked: self._reply(id, asked))
                self._notes.ask_all(id, question)
            case _:
                run_after_resync(lambda: run_query(message, self._ledger, self._reply))

    def _reply(self, id: int, value: object) -> None:
        self._memory.owner.receive((m.QueryReply(id, msgspec.Raw(m.encode(value))),))

    def _enter(self, enter: m.Enter) -> None:
        memory = self._memory
        topic = memory.keys.topic(enter.app_id, enter.channel)
        marker_channel = memory.topics.expect_markers(enter.app_id, enter.channel)
        marker = str(enter.id)

        def ask() -> None:
            memory.incoming.expect_reply(topic.partition, marker, lambda reply: self._entered(enter, reply))
            self._ledger.enter(
                enter, marker.encode(), lambda reply: memory.incoming.receive_reply(marker, reply)
            )

        self._listener.subscribe(marker_channel, lambda: self._listener.subscribe(topic.channel, ask))

    def _entered(self, enter: m.Enter, reply: Any) -> None:
        position, members, cached = read_enter_reply(reply)
        self._memory.topics.add(enter.app_id, enter.channel, position)
        self._memory.owner.receive((m.EnterReply(enter.id, members, cached),))

    def _hello(self, hello: m.Hello) -> None:
        memory = self._memory
        if self._is_first and not hello.channels:
            self._missed = 0  # nobody was here who could have missed anything
        channels = memory.topics.replace((report.app_id, report.channel) for report in hello.channels)
        waiting = set(channels)

        def when_subscribed(channel: str) -> Callable[[], None]:
            def subscribed() -> None:
                waiting.discard(channel)
                if not waiting:
                    self._catch_up()

            return subscribed

        for channel in channels:
            self._listener.subscribe(channel, when_subscribed(channel))
        report_state(hello, self._ledger, memory.barrier, is_new_redis=self._is_new_redis)

    def _catch_up(self) -> None:
        memory = self._memory
        catch_up(memory.topics.partitions(), memory.keys, self._commands, memory.incoming, self._caught_up)

    def _caught_up(self) -> None:
        memory = self._memory
        memory.owner.receive((m.Welcome(memory.epoch, 0, self._missed),))
        memory.incoming.caught_up()

    # What the listener calls (`PubSubHandler`).

    def on_message(self, channel: bytes, data: bytes) -> None:
        memory = self._memory
        number = memory.topics.partition_of(channel)
        if number is not None:
            memory.incoming.receive_event(number, data)
            return
        number = memory.topics.marker_partition_of(channel)
        if number is not None:
            memory.incoming.receive_marker(number, data)
        elif channel in (memory.topics.all_nodes, memory.topics.inbox):
            self._notes.on_message(data)
        else:
            memory.heartbeat.on_message(channel, data)

    def on_lost(self, error: RedisUnavailable) -> None:
        self.break_off(error)
