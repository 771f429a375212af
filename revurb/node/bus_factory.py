"""Chooses the bus of a node: through Redis, through the hub of its host, or within its process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

from revurb.bus.engine import BusEngine
from revurb.bus.member_events import MemberEvents
from revurb.config import Config
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.channel_name import is_cached, is_reserved
from revurb.pusher.ports import Receiver

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from revurb.bus.brokered.broker_link import BrokerLinkOwner
    from revurb.bus.brokered.brokered_bus import BrokeredBus
    from revurb.bus.hub.event_log import LogDescriptors
    from revurb.bus.redis.shared_redis import SharedReader, SharedRedis


class HubAddress(NamedTuple):
    """How a worker reaches the hub: the address of its socket, and the log. With scaling a relay is there instead, if
    `is_relayed`."""

    socket: str
    log: LogDescriptors
    is_relayed: bool = False


BusFactory = Callable[[Receiver], BusEngine]


def choose_bus_factory(config: Config, hub: HubAddress | None = None) -> BusFactory | None:
    """The function that makes the bus of a node from its Receiver; None for the bus of a single process. `hub` is
    that of the host, if the node is a worker. Raises ConfigError if the configured Redis client
    factory cannot be loaded."""
    node = f"{os.getpid()}-{os.urandom(4).hex()}"
    if config.scaling.enabled:
        return _redis_bus_factory(config, node, hub if hub is not None and hub.is_relayed else None)
    if hub is not None:
        # Imported here, as above: a node that is alone would keep a megabyte of what it never uses.
        from revurb.bus.brokered.brokered_bus import BrokeredBus
        from revurb.bus.hub.hub_link import HubLink

        return lambda receiver: BrokeredBus(
            node,
            receiver,
            MEMBER_EVENTS,
            lambda owner: HubLink(hub.socket, hub.log, owner),
            config.limits.max_cached_bytes,
        )
    return None


def _redis_bus_factory(config: Config, node: str, relay: HubAddress | None) -> BusFactory:
    # Imported here: importing the client takes 0.2 s, which a node without scaling need not spend.
    from revurb.bus.brokered.brokered_bus import BrokeredBus
    from revurb.bus.redis.keys import Keys
    from revurb.bus.redis.redis_client import client_factory
    from revurb.bus.redis.redis_link import RedisLink

    scaling, redis = config.scaling, config.scaling.redis
    connect, keys = client_factory(redis), Keys(redis.prefix)

    def redis_bus(receiver: Receiver, events: MemberEvents) -> BrokeredBus:
        client, reader = (connect, None) if relay is None else _relayed(relay)

        def link(owner: BrokerLinkOwner) -> RedisLink:
            return RedisLink(
                owner,
                node,
                client,
                events,
                keys=keys,
                lease_s=redis.lease_s,
                kept_s=redis.kept_s,
                reader=reader,
            )

        return BrokeredBus(node, receiver, events, link, config.limits.max_cached_bytes)

    protocol = scaling.protocol
    if protocol == "revurb" or redis.cluster:  # PHP Reverb does not speak Cluster
        return lambda receiver: redis_bus(receiver, MEMBER_EVENTS)

    from revurb.bus.reverb.bridged_bus import BridgedBus
    from revurb.bus.reverb.reverb_bridge import ReverbBridge

    cache_ttl_s = config.limits.cache_ttl_s

    def bridged_bus(receiver: Receiver) -> BridgedBus:
        client, reader = (connect, None) if relay is None else _relayed(relay)
        bridge = ReverbBridge(
            node,
            cast("Callable[[], Redis | SharedRedis]", client),  # not that of a cluster, see above
            receiver,
            channel=scaling.channel,
            protocol=protocol,
            keys=keys,
            cached_for_s=lambda channel: cache_ttl_s if is_cached(channel) else 0,
            release=scaling.reverb_release,
            hidden=is_reserved,  # nobody signs in there, and anybody may subscribe to these
        )
        events = MEMBER_EVENTS._replace(on_published=bridge.on_member_event)
        return BridgedBus(redis_bus(receiver, events), bridge, reader)

    return bridged_bus


def _relayed(relay: HubAddress) -> tuple[Callable[[], SharedRedis], SharedReader]:
    """What makes a client by way of the relay, and what that receives with."""
    from revurb.bus.relay.relay_reader import RelayReader
    from revurb.bus.relay.relayed_redis import RelayedRedis

    reader = RelayReader(relay.log)
    return lambda: RelayedRedis(relay.socket, reader), reader
