"""What a link to Redis has from one session to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from revurb.bus.brokered.broker_link import BrokerLinkOwner
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.redis_heartbeat import RedisHeartbeat
from revurb.bus.redis.resync_barrier import ResyncBarrier
from revurb.bus.redis.short_break import ShortBreak
from revurb.bus.redis.taken_events import TakenEvents
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.facts import WantedFacts


@dataclass(slots=True)
class LinkMemory:
    """What a link has from one session to the next. `epoch` is that of the Redis to which it was last connected, "" for
    none; `is_resyncing` is whether that had lost its memory, and this node has not caught up with it: a session that
    broke before may have told it nothing. `started_at` is since when this node may have clients, in time.monotonic;
    `again_at` when a session last ended because keys that all nodes have in common were lost. `connections` are this
    node's, by app; `wanted` are the facts that are wanted."""

    owner: BrokerLinkOwner
    short_break: ShortBreak
    node: str
    events: MemberEvents
    keys: Keys
    lease_s: float
    kept_ms: int
    incoming: IncomingEvents
    topics: TopicSubscriptions
    heartbeat: RedisHeartbeat
    barrier: ResyncBarrier
    invalid: InvalidValues
    gate: ReceivingGate
    taken: TakenEvents
    epoch: str = ""
    is_resyncing: bool = False
    started_at: float = 0.0
    again_at: float | None = None
    connections: dict[str, int] = field(default_factory=dict)
    wanted: WantedFacts = field(default_factory=dict)
