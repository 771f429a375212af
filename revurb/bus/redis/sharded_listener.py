"""The subscribing connections to a Redis Cluster: one to each server that has a channel of this node.

Sharded pub/sub (Redis 7): a message is published on the server that has the channel's slot, which is also the server of
the keys with the same hash tag. So what happens in a partition keeps its order, and no server handles the others'
events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from redis.asyncio import ConnectionPool, Redis, RedisCluster

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pubsub_listener import PubSubHandler, PubSubListener
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.shared_redis import LinkedRedis, SharedRedis

_log = logging.getLogger(__name__)

Address = tuple[str, int]


class ShardedListener:
    """For a Cluster what `PubSubListener` is for one server. When a slot moves, the session ends and the next one finds
    it."""

    def __init__(self, cluster: RedisCluster, handler: PubSubHandler, gate: ReceivingGate) -> None:
        self._gate = gate
        self._cluster = cluster
        self._handler = handler
        self._servers: dict[Address, tuple[Redis, PubSubListener]] = {}
        self._opening: dict[Address, list[tuple[str, Callable[[], None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, channels: Iterable[str]) -> None:
        """Connect, and wait until the channels are subscribed to. Raises RedisUnavailable."""
        by_address: dict[Address, list[str]] = {}
        for channel in channels:
            by_address.setdefault(self._address(channel), []).append(channel)
        for address, names in by_address.items():
            await self._connect(address, names)

    async def close(self) -> None:
        """Close all connections."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for redis, listener in self._servers.values():
            await listener.close()
            await redis.aclose()

    async def read_rest(self) -> None:
        """Read what the servers have sent."""
        await asyncio.gather(*[listener.read_rest() for _, listener in self._servers.values()])

    def server_of(self, channel: str) -> str:
        """The address of the server on which the channel is subscribed to. Raises RedisUnavailable if no server has
        it."""
        host, port = self._address(channel)
        return f"{host}:{port}"

    def subscribe(self, channel: str, then: Callable[[], None]) -> None:
        """Call `then` as soon as nothing that is published from now on can be missed. Connects to the channel's server
        if needed."""
        try:
            address = self._address(channel)
        except RedisUnavailable as error:
            self._handler.on_lost(error)
            return
        if address in self._servers:
            self._servers[address][1].subscribe(channel, then)
        elif address in self._opening:
            self._opening[address].append((channel, then))
        else:
            self._opening[address] = [(channel, then)]
            task = asyncio.get_running_loop().create_task(self._connect_later(address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def unsubscribe(self, channel: str) -> None:
        """Unsubscribe. Messages that are on their way may still come."""
        try:
            server = self._servers.get(self._address(channel))
        except RedisUnavailable as error:
            self._handler.on_lost(error)
            return
        if server is not None:
            server[1].unsubscribe(channel)

    async def _connect_later(self, address: Address) -> None:
        try:
            await self._connect(address, ())
        except RedisUnavailable as error:
            self._handler.on_lost(error)
            return
        except Exception as error:
            _log.exception("a server of the cluster cannot be listened to")
            self._handler.on_lost(RedisUnavailable.because_of(error))
            return
        for channel, then in self._opening.pop(address):
            self._servers[address][1].subscribe(channel, then)

    async def _connect(self, address: Address, channels: Iterable[str]) -> None:
        host, port = address
        known = self._cluster.nodes_manager.get_node(host, port)
        if known is None:
            raise RedisUnavailable(f"{host}:{port} is not in the cluster any more")
        options = {
            name: value for name, value in known.connection_kwargs.items() if name in _INHERITED_OPTIONS
        }
        # As the client connects: with TLS, under a server name.
        pool = ConnectionPool(
            connection_class=known.connection_class, host=host, port=port, protocol=2, **options
        )
        redis = Redis.from_pool(pool)
        listener = PubSubListener(redis, self._handler, self._gate, self._cluster.keyslot)
        self._servers[address] = (redis, listener)
        await listener.open(channels)

    def _address(self, channel: str) -> Address:
        try:
            slot = self._cluster.keyslot(channel)
            node = self._cluster.nodes_manager.get_node_from_slot(slot)
        except Exception as error:  # redis-py raises several types for a slot without a server
            raise RedisUnavailable.because_of(error) from error
        return str(node.host), int(node.port)


def listener(
    redis: LinkedRedis, handler: PubSubHandler, gate: ReceivingGate | None = None
) -> PubSubListener | ShardedListener:
    """A listener of that Redis, of whichever kind it is. It reads while the gate is open; without one, always."""
    if isinstance(redis, RedisCluster):
        return ShardedListener(redis, handler, gate or ReceivingGate())
    return PubSubListener(redis.messages if isinstance(redis, SharedRedis) else redis, handler, gate)


_INHERITED_OPTIONS = {
    "username", "password", "socket_timeout", "socket_connect_timeout", "ssl_ca_certs", "ssl_certfile",
    "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname", "retry",
}  # fmt: skip
