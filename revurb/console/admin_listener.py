"""Listens for those who run the server: HTTP/1.1 on an address of its own, small and bounded.

There are at most MAX_CONNECTIONS, and for a new one the longest idle one has to go; each request and each answer has
its time. Nothing here takes long, or grows with the number of clients that the server has.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

from revurb.wire.http import HttpReader, Request
from revurb.wire.response import Response, encode_response, http_date

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64  # a browser has two for each page of the console that it shows
MAX_HEAD_BYTES = 8 * 1024
MAX_BODY_BYTES = 64 * 1024  # of a question of the console; what may be published is smaller
MAX_WAITING = 8  # requests of one connection that are not answered; nobody has to pipeline
REQUEST_S = 5.0  # for a request to arrive, and for a first one to begin
ANSWER_S = 10.0  # for an answer to be made, and to be taken
IDLE_S = 120.0  # Prometheus comes again on the same connection, once a minute by default
CLOSE_S = 1.0  # for a peer to close, behind the last answer
_TEXT = "text/plain; charset=utf-8"

AdminHandler: TypeAlias = Callable[[Request], Awaitable[Response]]


class AdminListener:
    """Answers requests with what `handle` returns. Made and used in one event loop."""

    def __init__(self, handle: AdminHandler) -> None:
        self.handle = handle
        self.port = 0  # until it listens
        self.connections: dict[AdminConnection, None] = {}  # the longest idle first
        self._servers: list[asyncio.AbstractServer] = []

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on bound sockets, all of one port, which are closed with the listener. (With a host, the loop would
        start threads to look it up: publishes took 2 us more then.)"""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            self._servers.append(await loop.create_server(lambda: AdminConnection(self), sock=sock))
            self.port = sock.getsockname()[1]

    def close(self) -> None:
        """Listen no more, and drop all connections."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in tuple(self.connections):
            connection.abort()

    def admit(self, connection: AdminConnection) -> bool:
        """Whether there is room for a new connection, after the longest idle one has gone if need be."""
        if len(self.connections) >= MAX_CONNECTIONS:
            idle = next((other for other in self.connections if not other.is_busy), None)
            if idle is None:
                return False
            del self.connections[idle]
            idle.abort()
        self.connections[connection] = None
        return True

    def heard(self, connection: AdminConnection) -> None:
        """The connection has been answered: it is the last that has to go."""
        if connection in self.connections:
            del self.connections[connection]
            self.connections[connection] = None


class AdminConnection(asyncio.Protocol):
    """One connection: its requests are answered one at a time, in order."""

    def __init__(self, listener: AdminListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._reader = HttpReader(max_head_bytes=MAX_HEAD_BYTES, max_body_bytes=MAX_BODY_BYTES)
        self._waiting: deque[Request] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    @property
    def is_busy(self) -> bool:
        return self._answering is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport does not inherit from it
        if self._listener.admit(self):
            self._limit(REQUEST_S)
        else:
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        was_idle = self._reader.idle
        self._waiting += self._reader.feed(data)
        if len(self._waiting) > MAX_WAITING:
            self.abort()
        elif self._answering is None and (self._waiting or self._reader.failure is not None):
            self._limit(ANSWER_S)
            self._transport.pause_reading()
            self._answering = self._loop.create_task(self._answer())
        elif self._answering is None and was_idle:
            self._limit(REQUEST_S)

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._listener.connections.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
        if self._answering is not None:
            self._answering.cancel()

    def abort(self) -> None:
        self._ended = True
        self._transport.abort()

    async def _answer(self) -> None:
        while self._waiting and not self._ended:
            request = self._waiting.popleft()
            response = await self._response(request)
            keeps = request.keep_alive and not request.upgrade
            self._write(response, keep_alive=keeps, head_only=request.method == "HEAD")
            await self._can_write.wait()  # a peer that does not take it is dropped by the timer
        failure = self._reader.failure
        if failure is not None and not self._ended:
            self._write(Response(failure.status, f"{failure.detail}\n".encode(), _TEXT), keep_alive=False)
        self._answering = None
        self._listener.heard(self)
        if not self._ended:
            self._limit(IDLE_S if self._reader.idle else REQUEST_S)
            self._transport.resume_reading()

    async def _response(self, request: Request) -> Response:
        try:
            return await self._listener.handle(request)
        except Exception:
            _log.exception("admin request failed", extra={"path": request.path})
            return Response(500, b"Internal server error.\n", _TEXT)

    def _write(self, response: Response, *, keep_alive: bool, head_only: bool = False) -> None:
        date = http_date(time.time())
        self._transport.write(
            encode_response(response, keep_alive=keep_alive, head_only=head_only, date=date)
        )
        if not keep_alive:
            self._ended = True
            self._transport.resume_reading()  # what is unread when TCP ends would take the answer with it
            self._transport.write_eof()
            self._limit(CLOSE_S)

    def _limit(self, seconds: float) -> None:
        """Drop the connection after so long, unless this is called again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.abort)
