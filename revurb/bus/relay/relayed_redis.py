"""A worker's connection to the relay of its host: what a client is for a Redis of its own."""

from __future__ import annotations

import asyncio
import itertools
import logging
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, cast

import msgspec
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError

from revurb.bus.hub.framing import FramingError, MessageSplitter
from revurb.bus.hub.host_socket import connect_to_host
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pipelines import ServerPipelines, run_pipeline
from revurb.bus.redis.redis_socket import SocketOwner
from revurb.bus.redis.shared_redis import ServerSocket, SharedRedis
from revurb.bus.relay import relay_messages as r
from revurb.bus.relay.relay_reader import RelayReader
from revurb.bus.relay.relayed_sockets import CommandSocket, MessageSocket

_log = logging.getLogger(__name__)

OPEN_S = 8.0  # for the relay's own connections to Redis
ENDED = "the relay of this host has ended"
_numbers = itertools.count(1)  # of the connections of this process


class RelayedRedis(SharedRedis, asyncio.Protocol):
    """By way of the relay at `address`, for `revurb.bus.hub.host_socket`. `reader` is attached, and lives longer.

    A relay that is gone, or that has lost Redis, ends it with all its sockets; the next one is a new connection.
    """

    def __init__(self, address: str, reader: RelayReader) -> None:
        self.is_cluster = False
        self.commands = _Source(self._open_commands, self.server_of)
        self.messages = _Source(self._open_messages, self.server_of)
        self.number = next(_numbers)
        self.joined: r.RelayJoined | None = None
        self._address = address
        self._reader = reader
        self._transport: asyncio.Transport | None = None
        self._splitter = MessageSplitter()
        self._commands: CommandSocket | None = None
        self._messages: MessageSocket | None = None
        self._lost: Exception | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        try:
            async with asyncio.timeout(OPEN_S):
                await connect_to_host(self._address, lambda: self)
                await asyncio.wait((self._ready,))
            if self._lost is not None:
                raise RedisUnavailable(str(self._lost))
        except TimeoutError:
            await self.aclose()
            raise RedisUnavailable(f"the relay of this host has not answered for {OPEN_S:.0f} s") from None
        except OSError as error:
            raise RedisUnavailable(f"the relay of this host is away: {error}") from error
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        self._lose(RedisConnectionError("closed"))
        if self._transport is not None:
            self._transport.close()

    async def execute_command(self, *args: Any) -> Any:
        pipelines, before = ServerPipelines(lambda: self.commands), self._commands
        try:
            (reply,) = await run_pipeline(pipelines, [args])
        finally:
            await pipelines.close()
            self._commands = before
        if isinstance(reply, Exception):
            raise reply
        return reply

    def server_of(self, channel: str) -> str:
        """The address of the server that has the channel. It has to be open."""
        joined = self.joined
        assert joined is not None
        if not joined.is_cluster:
            return joined.server
        return joined.servers[bisect_right(joined.slots, key_slot(channel.encode())) - 1]

    def distrust(self, reason: str) -> None:
        self.send(r.RelayDistrust(reason))

    def publish_for_host(self, channel: str, key: str, before: bytes, payload: bytes, after: bytes) -> None:
        self.send(r.RelayAnswer(channel, key, before, payload, after))

    def send(self, message: r.FromWorkerToRelay) -> None:
        """Send a message. Without effect if the connection is lost."""
        if self._transport is not None and self._lost is None:
            self._transport.write(r.encode_relay_frame(message))

    def _open_commands(self, owner: SocketOwner) -> ServerSocket:
        self._commands = CommandSocket(self._opened(), owner, self.send)
        return self._commands

    def _open_messages(self, owner: SocketOwner) -> ServerSocket:
        self._messages = MessageSocket(self._opened(), owner, self.send, self._reader, self.number)
        return self._messages

    def _opened(self) -> r.RelayJoined:
        if self._lost is not None:
            raise self._lost
        assert self.joined is not None
        return self.joined

    def _lose(self, error: Exception) -> None:
        if self._lost is not None:
            return
        self._lost = error
        if not self._ready.done():
            self._ready.set_result(None)
        if self._messages is not None:
            self._messages.end_behind_messages(error)
        if self._commands is not None:
            self._commands.break_off(error)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport does not inherit from it
        self.send(r.RelayJoin(self._reader.token, self.number))

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._splitter.feed(data):
                self._receive(r.read_from_relay(body))
        except (FramingError, msgspec.MsgspecError, RecursionError) as error:
            _log.error("the relay speaks nonsense", extra={"error": str(error)})
            self._lose(RedisConnectionError("the relay speaks nonsense"))
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(RedisConnectionError(ENDED))

    def _receive(self, message: r.FromRelay) -> None:
        match message:
            case r.RelayReplies(id, replies):
                if self._commands is not None:
                    self._commands.receive(id, replies)
            case r.RelayFailure(id, error):
                if self._commands is not None:
                    self._commands.fail(id, error)
            case r.RelayJoined():
                self.joined, self.is_cluster = message, message.is_cluster
                if not self._ready.done():
                    self._ready.set_result(None)
            case r.RelayLost(reason):
                self._lose(RedisConnectionError(reason))


class _Source:
    """A `SocketSource`."""

    def __init__(self, open_: Callable[[SocketOwner], ServerSocket], server_of: Callable[[str], str]) -> None:
        self._open = open_
        self.server_of = server_of

    async def open_socket(self, owner: SocketOwner) -> ServerSocket:
        return self._open(owner)
