"""The subscribing connection: receives what is published on the channels that this node is subscribed to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.receiving_gate import ReceivingGate

_log = logging.getLogger(__name__)

MAX_CHANNELS_AT_ONCE = 500  # channels of one write
MAX_MESSAGES_AT_ONCE = 200  # messages of one turn of the event loop: 2 to 4 ms


class PubSubHandler(Protocol):
    """What a listener calls."""

    def on_message(self, channel: bytes, data: bytes) -> None:
        """Something was published on a channel."""

    def on_lost(self, error: RedisUnavailable) -> None:
        """The connection is lost; the listener is of no use then."""


class PubSubListener:
    """One connection in subscribing mode, from `open` to `close`. It reads while the gate is open; without one,
    always. `slot_of` is for a server of a Cluster, where the channels of one command must be of one slot."""

    def __init__(
        self,
        redis: Redis,
        handler: PubSubHandler,
        gate: ReceivingGate | None = None,
        slot_of: Callable[[str], int] | None = None,
    ) -> None:
        self._gate = ReceivingGate() if gate is None else gate
        self._redis = redis
        self._handler = handler
        self._slot_of = slot_of or (lambda channel: 0)
        sharded = "" if slot_of is None else "S"
        self._subscribe, self._unsubscribe = f"{sharded}SUBSCRIBE", f"{sharded}UNSUBSCRIBE"
        self._connection: Any = None  # redis-py's, whose type differs by address
        self._tasks: list[asyncio.Task[None]] = []
        self._subscribed: set[bytes] = set()
        self._pending: dict[bytes, list[Callable[[], None]]] = {}
        self._outgoing: deque[tuple[str, str]] = deque()  # command, channel
        self._wake = asyncio.Event()

    async def open(self, channels: Iterable[str]) -> None:
        """Connect, and wait until the channels are subscribed to. Raises RedisUnavailable."""
        ready = asyncio.get_running_loop().create_future()
        waiting = {channel.encode() for channel in channels}

        def when_subscribed(channel: bytes) -> Callable[[], None]:
            def subscribed() -> None:
                waiting.discard(channel)
                if not waiting and not ready.done():
                    ready.set_result(None)

            return subscribed

        try:
            self._connection = await self._redis.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise RedisUnavailable.because_of(error) from error
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._receive_messages()), loop.create_task(self._send_commands())]
        if not waiting:
            return
        for channel in tuple(waiting):
            self.subscribe(channel.decode(), when_subscribed(channel))
        await asyncio.wait((ready, *self._tasks), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise RedisUnavailable("the subscribing connection was lost")

    async def close(self) -> None:
        """Close the connection, whether it was opened or not."""
        await cancel_and_wait(*self._tasks)
        if self._connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._connection.disconnect()
                await self._redis.connection_pool.release(self._connection)

    def server_of(self, channel: str) -> str:
        """The address of the server on which the channel is subscribed to."""
        connection = self._connection
        return f"{connection.host}:{connection.port}" if hasattr(connection, "port") else str(connection.path)

    def subscribe(self, channel: str, then: Callable[[], None]) -> None:
        """Call `then` as soon as nothing that is published from now on can be missed; at once if that is the case
        already."""
        name = channel.encode()
        if name in self._subscribed:
            then()
        elif name in self._pending:
            self._pending[name].append(then)
        else:
            self._pending[name] = [then]
            self._enqueue(self._subscribe, channel)

    def unsubscribe(self, channel: str) -> None:
        """Unsubscribe. Messages that are on their way may still come."""
        self._subscribed.discard(channel.encode())
        self._enqueue(self._unsubscribe, channel)

    def _enqueue(self, command: str, channel: str) -> None:
        self._outgoing.append((command, channel))
        self._wake.set()

    async def _send_commands(self) -> None:
        """Send the queued commands, each for many channels at once."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outgoing:
                    command = self._outgoing[0][0]
                    by_slot: dict[int, list[str]] = {}
                    for _ in range(MAX_CHANNELS_AT_ONCE):
                        if not self._outgoing or self._outgoing[0][0] != command:
                            break
                        channel = self._outgoing.popleft()[1]
                        by_slot.setdefault(self._slot_of(channel), []).append(channel)
                    commands = [(command, *channels) for channels in by_slot.values()]
                    await self._connection.send_packed_command(self._connection.pack_commands(commands))
                    if self._outgoing:
                        await asyncio.sleep(0)  # sending does not wait while the socket takes it
        except Exception as error:
            if not isinstance(error, RedisError | OSError):
                _log.exception("subscriptions not sent")
            self._handler.on_lost(RedisUnavailable.because_of(error))

    async def _receive_messages(self) -> None:
        messages = 0
        try:
            while True:
                messages += 1
                if not messages % MAX_MESSAGES_AT_ONCE:
                    await asyncio.sleep(0)  # receiving does not wait while anything is there
                if self._gate.is_closed:
                    await self._gate.wait()
                # math.inf: no timeout. Heartbeats find out whether the connection is alive.
                kind, channel, data = await self._connection.read_response(timeout=math.inf)
                if kind in (b"message", b"smessage"):
                    try:
                        self._handler.on_message(channel, data)
                    except Exception:  # a fault of this program: the next message may be handled
                        _log.exception("message not handled", extra={"channel": channel[:200]})
                elif kind == b"sunsubscribe" and channel in self._subscribed:
                    raise RedisUnavailable("a part of the cluster has moved")
                elif kind in (b"subscribe", b"ssubscribe"):
                    self._subscribed.add(channel)
                    for then in self._pending.pop(channel, ()):
                        then()
        except RedisUnavailable as error:
            self._handler.on_lost(error)
        except Exception as error:  # whatever it is, nobody may believe that messages still come
            if not isinstance(error, RedisError | OSError):
                _log.exception("messages of redis not understood")
            self._handler.on_lost(RedisUnavailable.because_of(error))
