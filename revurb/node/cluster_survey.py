"""Asks all nodes of the cluster for their status, as `revurb doctor` and `revurb status --cluster` do."""

from __future__ import annotations

import os

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.redis_client import client_factory
from revurb.bus.redis.redis_link import RedisLink
from revurb.config import Config
from revurb.node.cluster_status import STATUS_QUESTION, NodeStatus, read_statuses
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import DeliverableEvent

DEADLINE_S = 2.0


async def survey_cluster(config: Config) -> list[NodeStatus]:
    """Joins the cluster for one survey. Returns the status of each node that answered within `DEADLINE_S`, by host and
    pid. Raises TimeoutError if the cluster cannot be joined, ConfigError if the Redis client factory cannot be
    loaded."""
    redis = config.scaling.redis
    node = f"asking-{os.getpid()}-{os.urandom(4).hex()}"
    connect = client_factory(redis)
    bus = BrokeredBus(
        node,
        _NoReceiver(),
        MEMBER_EVENTS,
        lambda end: RedisLink(end, node, connect, MEMBER_EVENTS, keys=Keys(redis.prefix)),
    )
    await bus.start()
    try:
        if bus.degraded is not None:
            raise TimeoutError(bus.degraded)
        return read_statuses(list(await bus.survey(STATUS_QUESTION, DEADLINE_S)))
    finally:
        await bus.stop()


class _NoReceiver:
    """The bus's Receiver of a process that has no clients and answers no survey."""

    def deliver(self, event: DeliverableEvent) -> None: ...

    def terminate(self, app_id: str, user_id: str) -> None: ...

    def answer(self, question: bytes) -> bytes:
        return b""
