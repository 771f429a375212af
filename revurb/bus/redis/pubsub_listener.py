"""The subscribing connection: receives what is published on the channels that this node is subscribed to."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from hiredis import pack_command
from redis.asyncio import Redis
from redis.exceptions import RedisError

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.redis_socket import NOTHING, RedisSocket, Replies
from revurb.bus.redis.shared_redis import ServerSocket, SocketSource, open_socket

_log = logging.getLogger(__name__)

MAX_CHANNELS_AT_ONCE = 500  # channels of one write
MAX_MESSAGES_AT_ONCE = 200  # messages of one turn of the event loop: 1 to 2 ms
READ_REST_S = 1.0  # a full buffer of the kernel: 6 MB, or 50,000 small messages
_IDLE_TURNS = 3  # of the event loop, in each of which something would have been read
_HELD_S = 0.005  # between two looks at a gate that is closed


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
        redis: Redis | SocketSource,
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
        self._loop = asyncio.get_running_loop()
        self._socket: ServerSocket | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()  # what `open` waits for
        self._is_lost = False
        self._subscribed: set[bytes] = set()
        self._pending: dict[bytes, list[Callable[[], None]]] = {}
        self._unanswered: dict[bytes, int] = {}  # subscriptions that were sent, of those
        self._left: set[bytes] = set()  # of those, the ones to which none is wanted any more
        self._outgoing: deque[tuple[str, str]] = deque()  # command, channel
        self._is_sending = False

    async def open(self, channels: Iterable[str]) -> None:
        """Connect, and wait until the channels are subscribed to. Raises RedisUnavailable."""
        waiting, ready = {channel.encode() for channel in channels}, self._ready

        def when_subscribed(channel: bytes) -> Callable[[], None]:
            def subscribed() -> None:
                waiting.discard(channel)
                if not waiting and not ready.done():
                    ready.set_result(None)

            return subscribed

        try:
            self._socket = await open_socket(self._redis, self)
        except (RedisError, OSError) as error:
            raise RedisUnavailable.because_of(error) from error
        if not waiting:
            return
        for channel in tuple(waiting):
            self.subscribe(channel.decode(), when_subscribed(channel))
        await asyncio.wait((ready,))
        if self._is_lost:
            raise RedisUnavailable("the subscribing connection was lost")

    async def close(self) -> None:
        """Close the connection, whether it was opened or not."""
        self._is_lost = True
        if self._socket is not None:
            await self._socket.close()

    async def read_rest(self) -> None:
        """Read what Redis has sent, as far as that is possible within READ_REST_S: it may be gone, and its memory with
        it."""
        until, idle_turns = self._loop.time() + READ_REST_S, 0
        while self._socket is not None and not self._is_lost and self._loop.time() < until:
            await asyncio.sleep(_HELD_S if self._gate.is_closed else 0)
            idle_turns = 0 if self._socket.is_paused else idle_turns + 1
            if idle_turns == _IDLE_TURNS:
                return

    def server_of(self, channel: str) -> str:
        """The address of the server on which the channel is subscribed to."""
        if not isinstance(self._redis, Redis):
            return self._redis.server_of(channel)
        assert isinstance(self._socket, RedisSocket)
        return self._socket.server

    def subscribe(self, channel: str, then: Callable[[], None]) -> None:
        """Call `then` as soon as nothing that is published from now on can be missed; at once if that is the case
        already."""
        name = channel.encode()
        if name in self._subscribed:
            then()
        elif name in self._pending and name not in self._left:
            self._pending[name].append(then)
        else:
            self._pending.setdefault(name, []).append(then)
            self._left.discard(name)
            self._unanswered[name] = self._unanswered.get(name, 0) + 1
            self._enqueue(self._subscribe, channel)

    def unsubscribe(self, channel: str) -> None:
        """Unsubscribe. Messages that are on their way may still come."""
        name = channel.encode()
        self._subscribed.discard(name)
        if name in self._pending:
            self._left.add(name)
        self._enqueue(self._unsubscribe, channel)

    def _enqueue(self, command: str, channel: str) -> None:
        self._outgoing.append((command, channel))
        if not self._is_sending:
            self._is_sending = True
            self._loop.call_soon(self._send_commands)

    def _send_commands(self) -> None:
        """Send some of the queued commands, each for many channels at once; others have their turn in between."""
        socket, self._is_sending = self._socket, False
        if socket is None or self._is_lost:
            return
        try:
            command = self._outgoing[0][0]
            by_slot: dict[int, list[str]] = {}
            for _ in range(MAX_CHANNELS_AT_ONCE):
                if not self._outgoing or self._outgoing[0][0] != command:
                    break
                channel = self._outgoing.popleft()[1]
                by_slot.setdefault(self._slot_of(channel), []).append(channel)
            # The stub of pack_command says: one word.
            packed = [pack_command((command, *channels)) for channels in by_slot.values()]  # type: ignore[arg-type]
        except Exception as error:
            _log.exception("subscriptions not sent")
            self._lose(RedisUnavailable.because_of(error))
            return
        socket.write(b"".join(packed))
        if self._outgoing:
            self._is_sending = True
            socket.when_writable(self._send_commands)

    def _lose(self, error: RedisUnavailable) -> None:
        if not self._is_lost:
            self._is_lost = True
            if not self._ready.done():
                self._ready.set_result(None)
            self._handler.on_lost(error)

    # What the socket calls (`SocketOwner`).

    def on_replies(self, replies: Replies) -> None:
        socket, gate, on_message = self._socket, self._gate, self._handler.on_message
        if socket is None or self._is_lost:
            return
        try:
            for _ in range(MAX_MESSAGES_AT_ONCE):
                if gate.is_closed:
                    socket.pause()
                    gate.when_open(socket.read_on)
                    return
                reply = replies()
                if reply is NOTHING:
                    return
                if isinstance(reply, Exception):
                    raise reply
                kind, channel, data = reply
                if kind == b"message" or kind == b"smessage":
                    try:
                        on_message(channel, data)
                    except Exception:  # a fault of this program: the next message may be handled
                        _log.exception("message not handled", extra={"channel": channel[:200]})
                else:
                    self._on_subscription(kind, channel)
        except RedisUnavailable as error:
            self._lose(error)
        except Exception as error:  # whatever it is, nobody may believe that messages still come
            if not isinstance(error, RedisError | OSError):
                _log.exception("messages of redis not understood")
            self._lose(RedisUnavailable.because_of(error))
        else:
            socket.pause()  # receiving does not wait while anything is there
            socket.read_on()

    def on_lost(self, error: Exception) -> None:
        self._lose(RedisUnavailable.because_of(error))

    def _on_subscription(self, kind: bytes, channel: bytes) -> None:
        """A subscription has begun or ended. Raises RedisUnavailable if it is not we who ended it."""
        if kind == b"sunsubscribe" and channel in self._subscribed:
            raise RedisUnavailable("a part of the cluster has moved")
        if kind in (b"subscribe", b"ssubscribe"):
            unanswered = self._unanswered.pop(channel, 1) - 1
            if unanswered:  # it was left and come back to meanwhile: only the last one stays
                self._unanswered[channel] = unanswered
                return
            if channel in self._left:
                self._left.discard(channel)
            else:
                self._subscribed.add(channel)
            for then in self._pending.pop(channel, ()):
                then()
