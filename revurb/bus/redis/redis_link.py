"""A node's link to its Redis: one `RedisSession` after the other, for as long as the node runs.

What outlives a session is here (`LinkMemory`): which topics the node is subscribed to, up to where it has received each
partition, whether its heartbeats come back, and which Redis it was last connected with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLinkOwner
from revurb.bus.brokered.reconnect_backoff import ReconnectBackoff
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.envelope import Envelope
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.link_memory import LinkMemory
from revurb.bus.redis.outage_log import OutageLog
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.redis_heartbeat import HEARTBEAT_S, SILENT_AFTER_S, RedisHeartbeat
from revurb.bus.redis.redis_session import RedisSession
from revurb.bus.redis.resync_barrier import ResyncBarrier
from revurb.bus.redis.shared_redis import LinkedRedis, SharedReader, SharedRedis
from revurb.bus.redis.short_break import ShortBreak
from revurb.bus.redis.taken_events import TakenEvents
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.facts import WantedFacts

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0
GOODBYE_S = 3.0  # for removing what the node holds; after that its lease ends


class RedisLink:
    """A `revurb.bus.brokered.broker_link.BrokerLink`. `connect` creates a client of the Redis, and `keys` are the names
    there. `lease_s` is how long a node may be silent; `kept_s` how long events are kept for nodes that reconnect.
    `heartbeat_s` and `silent_after_s` are the heartbeat's. `reader` is what a `SharedRedis` receives with."""

    name = "redis"
    confirms_changes = is_full = False
    holds_counts = True
    log, token = None, 0  # events go to Redis

    def __init__(
        self,
        owner: BrokerLinkOwner,
        node: str,
        connect: Callable[[], LinkedRedis],
        events: MemberEvents,
        *,
        keys: Keys | None = None,
        lease_s: float = 10.0,
        kept_s: float = 60.0,
        heartbeat_s: float = HEARTBEAT_S,
        silent_after_s: float = SILENT_AFTER_S,
        reader: SharedReader | None = None,
    ) -> None:
        self._owner = owner
        self._reader = reader
        self._connect = connect
        kept_ms, keys, invalid = int(kept_s * 1000), keys or Keys("revurb"), InvalidValues()
        topics = TopicSubscriptions(keys, node)
        incoming = IncomingEvents(topics, invalid, self._on_event, self._on_overflow)
        self._memory = LinkMemory(
            owner=owner,
            short_break=ShortBreak(owner),
            node=node,
            events=events,
            keys=keys,
            lease_s=lease_s,
            kept_ms=kept_ms,
            incoming=incoming,
            topics=topics,
            heartbeat=RedisHeartbeat(
                node,
                keys,
                incoming,
                self._on_silence,
                invalid,
                kept_ms=kept_ms,
                heartbeat_s=heartbeat_s,
                silent_after_s=silent_after_s,
            ),
            barrier=ResyncBarrier(),
            invalid=invalid,
            gate=ReceivingGate(),
            taken=TakenEvents(),
        )
        self._session: RedisSession | None = None
        self._task: asyncio.Task[None] | None = None

    def partition_of(self, app_id: str, channel: str) -> int:
        return self._memory.keys.topic(app_id, channel).order

    @property
    def invalid_messages(self) -> int:
        """What others wrote into Redis and cannot be used."""
        return self._memory.invalid.count

    @property
    def _is_up(self) -> bool:
        return self._session is not None and self._session.is_up

    def start(self) -> None:
        """Connect in the background."""
        self._memory.started_at = time.monotonic()
        if self._reader is not None:
            self._reader.start()
        self._task = asyncio.get_running_loop().create_task(self._stay_linked())

    async def stop(self) -> None:
        """Disconnect when everything is sent, after at most GOODBYE_S seconds."""
        session = self._session
        if session is not None and session.is_up:
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await session.finish()
            except TimeoutError:
                _log.warning("redis did not take everything before the end")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._memory.short_break.cancel()
        if self._reader is not None:
            self._reader.stop()

    def tell_facts(self, wanted: WantedFacts) -> None:
        self._memory.wanted = wanted

    def hold_receiving(self, is_held: bool) -> None:
        if is_held and self._is_up:
            self._memory.gate.close()
        else:
            self._memory.gate.open()

    def has_place(self, app_id: str, limit: int | None, count: int) -> bool:
        session = self._session
        return (
            session.loans.take(app_id, limit, count)
            if session is not None and session.is_up
            else limit is None
        )

    def released(self, app_id: str, count: int) -> None:
        if self._session is not None and self._session.is_up:
            self._session.loans.released(app_id, count)

    def tick(self, now: float) -> None:
        """Read what came through the log of the host, if there is one. The session has timers of its own."""
        if self._reader is not None:
            self._reader.look()

    def lag_s(self, now: float) -> float | None:
        return self._memory.heartbeat.lag_s(now) if self._is_up else None

    def send(self, message: m.FromWorker) -> None:
        session = self._session
        if session is not None and session.is_up:
            session.send(message)

    async def _stay_linked(self) -> None:
        backoff = ReconnectBackoff(RETRY_FIRST_S, RETRY_MAX_S)
        outages = OutageLog(_log, "redis is out of reach, trying on")
        while True:
            was_up = False
            try:
                redis = self._connect()
                if isinstance(redis, SharedRedis):
                    await redis.open()
                session = self._session = RedisSession(redis, self._memory)
                try:
                    await session.run()
                finally:
                    was_up = session.is_up
                    session.is_up = False
            except RedisUnavailable as error:
                outages.failed(str(error), is_new_outage=was_up)
            except Exception:  # whatever it is, the link retries
                _log.exception("the link to redis failed, trying on")
            if was_up:
                backoff.reset()
                self._memory.short_break.begin()
            else:
                self._memory.short_break.is_outage()
            await asyncio.sleep(backoff.next_s())

    def _on_silence(self, error: RedisUnavailable) -> None:
        if self._session is not None:
            self._session.distrust(error)

    def _on_overflow(self) -> None:
        if self._session is not None:
            self._session.break_off(RedisUnavailable("a reply did not come while many events did"))

    def _on_event(self, order: int, envelope: Envelope) -> None:
        self._owner.receive(
            (
                m.BrokerEvent(
                    envelope.node,
                    envelope.seq,
                    envelope.app_id,
                    envelope.channel,
                    envelope.text,
                    envelope.except_socket_id,
                    order,
                ),
            )
        )
