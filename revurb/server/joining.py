"""Which bus a node is on: that of many hosts, that of a host's workers, or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

from revurb.bus.brokered.bus import BrokeredBus
from revurb.bus.engine import Engine
from revurb.bus.hub.link import HubLink
from revurb.config import Config
from revurb.pusher.ports import Receiver
from revurb.server.member_events import MEMBER_EVENTS

Join = Callable[[Receiver], Engine]


def joining(config: Config, hub_socket: str | None = None) -> Join | None:
    """What makes the node's bus; None for a node that is all there is. Raises ConfigError."""
    node = f"{os.getpid()}-{secrets.token_hex(4)}"
    if config.scaling.enabled:
        return _redis(config, node)
    if hub_socket is not None:
        return lambda receiver: BrokeredBus(
            node, receiver, MEMBER_EVENTS, lambda end: HubLink(hub_socket, end)
        )
    return None


def _redis(config: Config, node: str) -> Join:
    # Imported here: who does not scale need not wait for the client, which takes 0.2 s.
    from revurb.bus.redis.client import client_factory
    from revurb.bus.redis.link import RedisLink

    redis = config.scaling.redis
    connect = client_factory(redis)
    return lambda receiver: BrokeredBus(
        node,
        receiver,
        MEMBER_EVENTS,
        lambda end: RedisLink(
            end, node, connect, MEMBER_EVENTS, prefix=redis.prefix, lease_s=redis.lease_s, kept_s=redis.kept_s
        ),
    )
