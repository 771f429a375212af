"""Which bus a node is on: that of many hosts, that of a host's workers, or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.engine import BusEngine
from revurb.bus.hub.hub_link import HubLink
from revurb.bus.member_events import MemberEvents
from revurb.config import Config
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.channel_name import is_cached
from revurb.pusher.ports import Receiver

if TYPE_CHECKING:
    from redis.asyncio import Redis

BusFactory = Callable[[Receiver], BusEngine]


def bus_factory(config: Config, hub_socket: str | None = None) -> BusFactory | None:
    """What makes the node's bus; None for a node that is all there is. Raises ConfigError."""
    node = f"{os.getpid()}-{secrets.token_hex(4)}"
    if config.scaling.enabled:
        return _redis(config, node)
    if hub_socket is not None:
        return lambda receiver: BrokeredBus(
            node, receiver, MEMBER_EVENTS, lambda owner: HubLink(hub_socket, owner)
        )
    return None


def _redis(config: Config, node: str) -> BusFactory:
    # Imported here: who does not scale need not wait for the client, which takes 0.2 s.
    from revurb.bus.redis.redis_client import client_factory
    from revurb.bus.redis.redis_link import RedisLink

    scaling, redis = config.scaling, config.scaling.redis
    connect = client_factory(redis)

    def bus(receiver: Receiver, events: MemberEvents) -> BrokeredBus:
        return BrokeredBus(
            node,
            receiver,
            events,
            lambda owner: RedisLink(
                owner, node, connect, events, prefix=redis.prefix, lease_s=redis.lease_s, kept_s=redis.kept_s
            ),
        )

    protocol = scaling.protocol
    if protocol == "revurb" or redis.cluster:  # PHP Reverb does not speak Cluster
        return lambda receiver: bus(receiver, MEMBER_EVENTS)

    from revurb.bus.reverb.bridged_bus import BridgedBus
    from revurb.bus.reverb.reverb_bridge import ReverbBridge

    cache_ttl_s = config.limits.cache_ttl_s

    def among_php(receiver: Receiver) -> BridgedBus:
        bridge = ReverbBridge(
            node,
            cast("Callable[[], Redis]", connect),  # of no cluster, as just seen
            receiver,
            channel=scaling.channel,
            protocol=protocol,
            prefix=redis.prefix,
            cached_for_s=lambda channel: cache_ttl_s if is_cached(channel) else 0,
        )
        return BridgedBus(bus(receiver, MEMBER_EVENTS._replace(on_published=bridge.on_member_event)), bridge)

    return among_php
