"""A Redis that the processes of a host reach over the same connections, and what a connection to it, or to a Redis of
this process's own, is to those who use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode

from revurb.bus.redis.redis_socket import RedisSocket, SocketOwner

PLANNED_END = (
    "the relay of this host ends"  # the reason of an end in whose place there is another relay at once
)


class ServerSocket(Protocol):
    """A connection as `RedisSocket` is one. Whoever has opened it has to `close` it."""

    @property
    def timeout_s(self) -> float | None:
        """How long a reply may take; None for ever."""

    @property
    def is_of_master(self) -> bool:
        """Whether Sentinels have named the server as the one that can be written to."""

    @property
    def is_lost(self) -> bool: ...
    @property
    def is_paused(self) -> bool: ...
    def write(self, data: bytes, commands: int = 1) -> None:
        """Send packed commands, so many of them."""

    def when_writable(self, then: Callable[[], None]) -> None:
        """Call `then` in a later turn of the event loop, when the socket takes what is written."""

    def pause(self) -> None:
        """Read nothing until `read_on`."""

    def read_on(self) -> None:
        """In the next turn of the event loop, have the owner read on."""

    def break_off(self, error: Exception) -> None:
        """The connection is of no use any more: lose it, for this reason."""

    async def close(self) -> None:
        """End the connection at once. Without effect the second time."""


class SocketSource(Protocol):
    """What connections are opened from."""

    async def open_socket(self, owner: SocketOwner) -> ServerSocket:
        """Raises RedisError or OSError."""

    def server_of(self, channel: str) -> str:
        """The address of the server that has the channel."""


class SharedReader(Protocol):
    """What the clients of a `SharedRedis` receive with, one after the other."""

    def start(self) -> None:
        """Raises OSError if too many processes do already."""

    def stop(self) -> None:
        """Read nothing any more."""

    def look(self) -> None:
        """Read what there is. To be called a few times a second."""


class SharedRedis(ABC):
    """What a client is for a Redis of this process's own. One that is lost is lost with all its sockets.

    Commands go to the server of their key, and channels are subscribed to at the server that has them: who uses it need
    not know which that is.
    """

    is_cluster: bool  # known when it is open
    commands: SocketSource  # one at a time
    messages: SocketSource  # for subscriptions; one at a time

    @abstractmethod
    async def open(self) -> None:
        """Connect. Raises RedisUnavailable, and is closed then."""

    @abstractmethod
    async def aclose(self) -> None:
        """Disconnect."""

    @abstractmethod
    async def execute_command(self, *args: Any) -> Any:
        """Run one command while no other is in flight. Raises RedisError or OSError."""

    @abstractmethod
    def publish_for_host(self, channel: str, key: str, before: bytes, payload: bytes, after: bytes) -> None:
        """Publish `before`, the `payload` and `after`. All processes that share it do so, with the same key, and one
        message is published, which has their payloads merged."""

    @abstractmethod
    def distrust(self, reason: str) -> None:
        """What this process was told or not told says that the connections behind it are of no use."""

    async def script_load(self, source: str) -> None:
        """Load a script, in a Cluster on every primary. Raises RedisError or OSError."""
        await self.execute_command("SCRIPT", "LOAD", source)


LinkedRedis: TypeAlias = Redis | RedisCluster | SharedRedis


def is_cluster(redis: LinkedRedis) -> bool:
    """Whether it is a Redis Cluster."""
    return redis.is_cluster if isinstance(redis, SharedRedis) else isinstance(redis, RedisCluster)


async def open_socket(server: Redis | ClusterNode | SocketSource, owner: SocketOwner) -> ServerSocket:
    """A connection to the server, or to the one that is found by way of it. Raises RedisError or OSError."""
    if isinstance(server, Redis | ClusterNode):
        return await RedisSocket.open(server, owner)
    return await server.open_socket(owner)
