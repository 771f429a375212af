"""The relay behind a Unix socket: workers connect to it, and it connects to Redis as soon as one has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.framing import MAX_MESSAGE_BYTES, FramingError, MessageSplitter
from revurb.bus.hub.host_socket import listen_on_host
from revurb.bus.hub.peer_credentials import is_own_peer
from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.shared_redis import PLANNED_END
from revurb.bus.relay import relay_messages as r
from revurb.bus.relay.relay_records import RelayRecords
from revurb.bus.relay.relay_session import RelaySession

_log = logging.getLogger(__name__)

CHANNELS_PER_TURN = 500  # that a worker joins or leaves: 2 ms
MIN_SESSION_S = 1.0  # between two times that workers have it connect anew: others may have no reason to

_OF_CHANNELS = (r.RelaySubscribe, r.RelayUnsubscribe)  # a union would be made anew for each message: 0.3 us


class RelayedWorker(asyncio.Protocol):
    """A worker's connection."""

    def __init__(self, server: RelayServer) -> None:
        self.token = self.connection = self.bit = 0
        self.session: RelaySession | None = None  # once it was told of it
        self._server = server
        self._splitter = MessageSplitter()
        self._waiting: deque[bytes] = deque()  # messages, while nothing is read

    def send(self, message: r.FromRelay) -> None:
        """Without effect once it has gone."""
        if not self._transport.is_closing():  # of a closed one, `write` raises
            self._transport.write(r.encode_relay_frame(message))

    def join(self, session: RelaySession) -> None:
        """Redis is connected."""
        assert session.joined is not None
        self.session = session
        self.send(session.joined)

    def lose(self, reason: str) -> None:
        """Redis cannot be reached, or not any more; or this worker has missed something."""
        self.send(r.RelayLost(reason))
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport does not inherit from it
        if self._server.is_inherited and not is_own_peer(transport.get_extra_info("socket")):
            _log.error("somebody else's process has connected, which is refused")
            self._transport.abort()
            return
        self._server.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._waiting.extend(self._splitter.feed(data))
        except FramingError as error:
            self._break_off(error)
        else:
            self._receive_some()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.clear()
        if self.session is not None:
            self.session.forget(self)
        self._server.remove(self)

    def _receive_some(self) -> None:
        """Receive what has come, but for what is too much for one turn of the event loop."""
        waiting, left = self._waiting, CHANNELS_PER_TURN
        try:
            while waiting:
                message = r.read_from_worker(waiting.popleft())
                self._receive(message)
                if isinstance(message, _OF_CHANNELS):
                    left -= len(message.channels)
                    if left <= 0:
                        self._transport.pause_reading()
                        asyncio.get_running_loop().call_soon(self._receive_more)
                        return
        except (FramingError, ValueError, RecursionError) as error:  # msgspec's are a ValueError
            waiting.clear()
            self._break_off(error)

    def _receive_more(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._receive_some()

    def _break_off(self, error: Exception) -> None:
        _log.error("a worker's connection is broken", extra={"error": str(error)})
        self._transport.abort()

    def _receive(self, message: r.FromWorkerToRelay) -> None:
        session = self.session
        if isinstance(message, r.RelayJoin):
            self.token, self.connection = message.token, message.connection
            self._server.join(self)
        elif session is None:
            raise FramingError("a worker that has not been told of redis")
        elif isinstance(message, r.RelayCommands):
            session.run(message.packed, message.count, partial(self._reply, message.id))
        elif isinstance(message, r.RelaySubscribe):
            session.subscribe(self, message.channels)
        elif isinstance(message, r.RelayUnsubscribe):
            session.unsubscribe(self, message.channels)
        elif isinstance(message, r.RelayAnswer):
            session.answer(self, message)
        else:
            self._server.distrust(session, message.reason)

    def _reply(self, id: int, replies: list[Any] | Exception) -> None:
        if isinstance(replies, Exception):
            self.send(r.RelayFailure(id, replies))
            return
        if self._transport.is_closing():
            return
        frame = r.encode_relay_frame(r.RelayReplies(id, replies))
        if len(frame) > MAX_MESSAGE_BYTES:
            error = RedisUnavailable(f"replies of {len(frame)} bytes, more than a worker takes")
            frame = r.encode_relay_frame(r.RelayFailure(id, error))
        self._transport.write(frame)


class RelayServer:
    """Listens from `start` to `stop`: on a path, or on a bound socket that it inherited and does not remove. Only
    processes of the same user may connect. `connect` makes a client of the Redis, and `timeout_s` is how long it waits
    for a reply.

    `no_connections` is set while no worker is connected.
    """

    def __init__(
        self,
        place: str | socket.socket,
        log: LogDescriptors,
        connect: Callable[[], AnyRedis],
        timeout_s: float,
    ) -> None:
        self.no_connections = asyncio.Event()
        self.no_connections.set()
        self._place = place
        self.is_inherited = not isinstance(place, str)
        self._connect = connect
        self._timeout_s = 2 * timeout_s + 1  # a pipeline may wait for the one before
        self._records = RelayRecords(log)
        self._workers: set[RelayedWorker] = set()
        self._session: RelaySession | None = None
        self._joined_at = 0.0
        self._is_lost = False  # Redis, since a session could not begin or has ended
        self._opening: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()  # of sessions
        self._listener: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen. Raises OSError if the path cannot be used."""
        self._listener = await listen_on_host(self._place, lambda: RelayedWorker(self))

    async def stop(self) -> None:
        """Stop listening, and drop all connections."""
        if self._listener is not None:
            self._listener.close()
        for worker in tuple(self._workers):
            worker.lose(PLANNED_END)
        await cancel_and_wait(self._opening)
        if self._session is not None:
            self._session.end(RedisUnavailable(PLANNED_END))
        if self._closing:
            await asyncio.wait(self._closing)
        self._records.close()
        if isinstance(self._place, str):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._place)

    @property
    def is_cut_off(self) -> bool:
        """Whether workers want Redis, and it is not connected. They are not connected all the time then: each is told,
        and tries again."""
        is_joined = self._session is not None and self._session.joined is not None
        return not is_joined and (bool(self._workers) or self._is_lost)

    @property
    def workers(self) -> int:
        """How many connections workers have."""
        return len(self._workers)

    # What the connections call.

    def add(self, worker: RelayedWorker) -> None:
        """A worker has connected."""
        self._workers.add(worker)
        self.no_connections.clear()

    def remove(self, worker: RelayedWorker) -> None:
        """A worker has gone."""
        self._workers.discard(worker)
        if not self._workers:
            self.no_connections.set()

    def join(self, worker: RelayedWorker) -> None:
        """Tell a worker when Redis is connected, or that it is not."""
        session = self._session
        if session is None:
            try:
                redis = self._connect()
            except Exception as error:  # of a factory of the user's own
                if not self._is_lost:
                    self._is_lost = True
                    _log.exception("a client of redis cannot be made")
                worker.lose(str(RedisUnavailable.because_of(error)))
                return
            session = self._session = RelaySession(redis, self._records, self._timeout_s, self._on_lost)
            self._opening = asyncio.get_running_loop().create_task(self._open(session))
        elif session.joined is not None:
            worker.join(session)

    def distrust(self, session: RelaySession, reason: str) -> None:
        """A worker has found out that the connections to Redis are of no use."""
        loop, error = asyncio.get_running_loop(), RedisUnavailable(reason)
        ends_at = self._joined_at + MIN_SESSION_S
        if session is not self._session:
            return
        if loop.time() < ends_at:
            loop.call_at(ends_at, self._end_if_silent, session, error, self._records.tail)
        else:
            session.end_behind_messages(error)

    def _end_if_silent(self, session: RelaySession, error: RedisUnavailable, since: int) -> None:
        """End it if nothing has come of Redis since that place in the log. Else it may have become of use."""
        if self._records.tail == since:
            session.end_behind_messages(error)

    async def _open(self, session: RelaySession) -> None:
        try:
            await session.open()
        except RedisUnavailable as error:
            session.end(error)
            return
        except Exception as error:  # whatever it is, no worker may wait for ever
            _log.exception("redis cannot be reached")
            session.end(RedisUnavailable.because_of(error))
            return
        self._joined_at = asyncio.get_running_loop().time()
        self._is_lost = False
        for worker in tuple(self._workers):
            if worker.token and worker.session is None:
                worker.join(session)

    def _on_lost(self, session: RelaySession, error: RedisUnavailable) -> None:
        if session is self._session:
            self._session, self._is_lost = None, True
            for worker in tuple(self._workers):
                if worker.token:
                    worker.lose(str(error))
        task = asyncio.get_running_loop().create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
