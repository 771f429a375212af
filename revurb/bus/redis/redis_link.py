"""A process's link to its Redis: what the bus says becomes commands, what Redis publishes becomes messages.

Life: connect, take a lease, subscribe, tell everything (`Hello`), catch up with the log, and work until something
breaks; then all of it again. Beats (`pulse`) find out whether what Redis publishes still comes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import RedisCluster

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import LinkEnd
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis.cancellation import end
from revurb.bus.redis.catch_up import catch_up
from revurb.bus.redis.command_queue import Commands, RedisDown
from revurb.bus.redis.control import Control
from revurb.bus.redis.envelope import Envelope, Position
from revurb.bus.redis.event_publisher import Publishing
from revurb.bus.redis.incoming_events import Incoming
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.ledger_queries import look_up
from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.pubsub_listener import Listener
from revurb.bus.redis.redis_heartbeat import BEAT_S, DEAF_AFTER_S, Ends, Pulse
from revurb.bus.redis.redis_ledger import RedisLedger, read_entered
from revurb.bus.redis.resync_barrier import Settling
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.sharded_listener import ShardedListener
from revurb.bus.redis.state_report import tell_all
from revurb.bus.redis.topic_subscriptions import Topics

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.05
RETRY_MOST_S = 1.0
OPENING_S = 8.0  # for all that has to be there before anything can be done
GOODBYE_S = 3.0  # for removing what the process holds; beyond, its lease ends


class RedisLink:
    """`connect` makes a client of the Redis. `lease_s` is how long a process may be silent; `kept_s` how long events
    are kept for those who were away. `beat_s` and `deaf_after_s` are the pulse's."""

    name = "redis"

    def __init__(
        self,
        end: LinkEnd,
        node: str,
        connect: Callable[[], AnyRedis],
        events: MemberEvents,
        *,
        prefix: str = "revurb",
        lease_s: float = 10.0,
        kept_s: float = 60.0,
        beat_s: float = BEAT_S,
        deaf_after_s: float = DEAF_AFTER_S,
    ) -> None:
        self._end = end
        self._node = node
        self._connect = connect
        self._events = events
        self._keys = Keys(prefix)
        self._lease_s = lease_s
        self._kept_ms = int(kept_s * 1000)
        self._incoming = Incoming(self._event)
        self._topics = Topics(self._keys, node)
        self._pulse = Pulse(
            node,
            self._keys,
            self._incoming,
            self._break,
            kept_ms=self._kept_ms,
            beat_s=beat_s,
            deaf_after_s=deaf_after_s,
        )
        self._epoch = ""
        self._task: asyncio.Task[None] | None = None
        self._up = False
        self._settling = Settling()
        self._when_settled = self._settling.when_settled
        self._going = False
        self._gone = asyncio.Event()

    def lane(self, app_id: str, channel: str) -> int:
        return self._keys.topic(app_id, channel).partition

    @property
    def refused(self) -> int:
        """Messages that made no sense."""
        return self._incoming.refused

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._stay_linked())

    async def stop(self) -> None:
        """End, behind what has been sent."""
        if self._up:
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await (self._gone.wait() if self._going else self._commands.flush())
            except TimeoutError:
                _log.warning("redis did not take everything before the end")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def tick(self, now: float) -> None:
        """Nothing: the link has its own clock."""

    def lag_s(self, now: float) -> float | None:
        return self._pulse.lag_s(now) if self._up else None

    async def _stay_linked(self) -> None:
        retry_s, told = RETRY_FIRST_S, False
        while True:
            try:
                await self._live()
            except RedisDown as error:
                if self._up or not told:
                    _log.warning("redis is out of reach, trying on", extra={"reason": str(error)})
                    told = True
            except Exception:  # whatever it is, the link goes on
                _log.exception("the link to redis failed, trying on")
            if self._up:
                self._up, retry_s, told = False, RETRY_FIRST_S, True
                self._end.unlinked()
            await asyncio.sleep(retry_s * random.uniform(0.5, 1))
            retry_s = min(retry_s * 2, RETRY_MOST_S)

    async def _live(self) -> None:
        """One life of the link. Raises RedisDown at its end."""
        loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[None] = loop.create_future()
        redis = self._connect()
        self._scripts = Scripts(sharded=isinstance(redis, RedisCluster))
        self._commands = Commands(redis, self._scripts, self._keys.nodes, self._break)
        self._listener = (
            ShardedListener(redis, self) if isinstance(redis, RedisCluster) else Listener(redis, self)
        )
        self._ledger = RedisLedger(
            self._node, self._keys, self._scripts, self._commands, self._events, self._kept_ms
        )
        self._publishing = Publishing(
            self._node, self._keys, self._scripts, self._commands, self._kept_ms, self._accepted
        )
        self._control = Control(
            self._node,
            self._keys,
            self._scripts,
            self._commands,
            self._ledger,
            self._lease_s,
            on_break=self._break,
            on_question=lambda number, question: self._end.take((m.Question(number, question),)),
            on_answer=lambda id, answer: self._end.take((m.Surveyed(id, answer),)),
            on_gone=lambda node: self._end.take((m.Gone(node),)),
        )
        opening = loop.create_task(self._open(redis))
        try:
            await asyncio.wait(
                (opening, self._broken), timeout=OPENING_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not self._broken.done():
                if not opening.done():
                    raise RedisDown(f"no answer for {OPENING_S:.0f} s")
                self._begin(*opening.result())
            await self._broken
        finally:
            await end(opening)
            self._broken.cancel()
            for way_to_end in (opening, self._broken):
                if not way_to_end.cancelled():
                    way_to_end.exception()  # one is enough; but of one that nobody looks at, asyncio complains
            await self._pulse.stop()
            await self._control.stop()
            await self._commands.stop()
            await self._listener.close()
            await redis.aclose()

    async def _open(self, redis: AnyRedis) -> tuple[str, list[Ends]]:
        """Everything that has to be waited for. Which Redis it is, and where its logs end. Raises RedisDown."""
        await self._commands.load()
        await self._publishing.probe(redis)
        self._commands.start()
        epoch = await self._control.take_lease()
        ends = await self._pulse.open(self._commands, self._scripts.pulse, self._publishing.split)
        channels = (self._keys.everyone, self._keys.inbox(self._node), *self._pulse.channels)
        await self._listener.open(channels)
        return epoch, ends

    def _begin(self, epoch: str, ends: list[Ends]) -> None:
        first = not self._epoch
        self._another = not first and epoch != self._epoch
        if self._another:
            _log.warning("redis has lost its memory: what nobody else has is gone")
        self._epoch = epoch
        self._incoming.reset(forget_positions=self._another)
        self._missed = int(
            self._pulse.begin(ends, self._listener.server_of, first=first, another=self._another)
        )
        self._incoming.catch_up()
        self._settling.give_up()
        if self._another:
            self._settling.begin()
        self._up = True
        self._control.start()
        self._end.linked()

    def _break(self, error: RedisDown) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)

    def send(self, message: m.FromWorker) -> None:
        if not self._up:
            return
        ledger = self._ledger
        match message:
            case m.Publish(seq, app_id, channel, text, except_socket_id, ttl_s):
                self._publishing.publish(seq, app_id, channel, text, except_socket_id, ttl_s)
            case m.Enter():
                self._when_settled(lambda: self._enter(message))
            case m.Count(app_id, channel, count):
                ledger.set_count(app_id, channel, count)
            case m.Leave(app_id, channel, count, member):
                self._when_settled(lambda: ledger.leave(app_id, channel, member, count))
            case m.Unsubscribe(app_id, channel):
                self._listener.unsubscribe(self._topics.remove(app_id, channel))
            case m.Connections(app_id, _, count):
                ledger.set_connections(app_id, count)
            case m.Hello():
                self._hello(message)
            case m.Goodbye():
                self._going = True
                self._control.goodbye(self._gone.set)
            case m.Reply(id, answer):
                self._control.answer(id, answer)
            case m.Survey(id, question):
                self._control.survey(id, question, lambda asked: self._answer(id, asked))
            case _:
                self._when_settled(lambda: self._look_up(message))

    def _accepted(self, seqs: list[int]) -> None:
        self._end.take((m.Accepted(seqs),))

    def _look_up(self, question: m.FromWorker) -> None:
        look_up(question, self._ledger, self._answer)

    def _answer(self, id: int, value: object) -> None:
        self._end.take((m.Answer(id, msgspec.Raw(m.encode(value))),))

    def _enter(self, enter: m.Enter) -> None:
        topic = self._keys.topic(enter.app_id, enter.channel)
        marks = self._topics.coming(enter.app_id, enter.channel)
        marker = str(enter.id)

        def ask() -> None:
            self._incoming.expect(topic.partition, marker, lambda reply: self._entered(enter, reply))
            self._ledger.enter(
                marker.encode(),
                enter.app_id,
                enter.channel,
                enter.count,
                enter.member,
                enter.added,
                enter.want_members,
                enter.want_cached,
                lambda reply: self._incoming.reply(marker, reply),
            )

        self._listener.subscribe(marks, lambda: self._listener.subscribe(topic.channel, ask))

    def _entered(self, enter: m.Enter, reply: Any) -> None:
        position, members, cached = read_entered(reply)
        self._topics.add(enter.app_id, enter.channel, position)
        self._end.take((m.Entered(enter.id, members, cached),))

    def _hello(self, hello: m.Hello) -> None:
        channels = self._topics.keep((topic.app_id, topic.channel) for topic in hello.topics)
        waiting = set(channels)

        def subscribed(channel: str) -> None:
            waiting.discard(channel)
            if not waiting:
                self._catch_up()

        for channel in channels:
            self._listener.subscribe(channel, lambda channel=channel: subscribed(channel))  # type: ignore[misc]
        tell_all(hello, self._ledger, self._another, self._when_settled)

    def heard(self, channel: bytes, data: bytes) -> None:
        number = self._topics.partition_of(channel)
        if number is not None:
            self._incoming.event(number, data)
            return
        number = self._topics.marks_of(channel)
        if number is not None:
            self._incoming.marker(number, data)
        elif channel in (self._topics.everyone, self._topics.inbox):
            self._control.heard(data)
        else:
            self._pulse.heard(channel, data)

    def deaf(self, error: RedisDown) -> None:
        self._break(error)

    def _event(self, number: int, position: Position, envelope: Envelope) -> None:
        since = self._topics.since(envelope.app_id, envelope.channel)
        if since is None or position <= since:
            return
        self._end.take(
            (
                m.Event(
                    0,
                    envelope.node,
                    envelope.seq,
                    envelope.app_id,
                    envelope.channel,
                    envelope.text,
                    envelope.except_socket_id,
                    number,
                ),
            )
        )

    def _catch_up(self) -> None:
        catch_up(
            self._topics.partitions(),
            self._keys,
            self._commands,
            self._incoming,
            self._caught_up,
        )

    def _caught_up(self) -> None:
        self._end.take((m.Welcome(self._epoch, 0, self._missed),))
        self._incoming.caught_up()
