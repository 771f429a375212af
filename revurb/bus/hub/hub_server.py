"""The broker behind a Unix socket, in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import cast

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.framing import FramingError, MessageSplitter, encode_frame
from revurb.bus.hub.host_socket import listen_on_host, read_rest
from revurb.bus.hub.peer import Peer
from revurb.bus.hub.peer_credentials import is_own_peer

_log = logging.getLogger(__name__)

TICK_S = 0.25


class _WorkerConnection(asyncio.Protocol):
    """A worker's connection; the broker writes to it as a `revurb.bus.hub.peer.PeerWriter`."""

    def __init__(self, hub: HubServer) -> None:
        self._hub = hub
        self._splitter = MessageSplitter()
        self._unsent: list[bytes] = []
        self._is_dropped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport does not inherit from it
        # So that `resume_writing` says that the kernel has everything.
        self._transport.set_write_buffer_limits(high=0)
        self._duplicate_fd = os.dup(transport.get_extra_info("socket").fileno())
        self.peer = Peer(self, asyncio.get_running_loop().time())
        self._hub.connections.add(self)
        self._hub.no_connections.clear()
        if self._hub.is_inherited:
            if is_own_peer(transport.get_extra_info("socket")):
                self.write(encode_frame(m.HubReady()))
                self._hub.flush()
            else:
                _log.error("somebody else's process has connected, which is refused")
                self.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._hub.broker.receive(self.peer, self._splitter.feed(data))
        except FramingError as error:
            _log.error("a worker's connection is broken", extra={"error": str(error)})
            self.close()
        self._hub.flush()
        if self.peer.is_full and not self._transport.is_closing():
            self._transport.pause_reading()
            self._hub.unread.add(self)

    def read_again(self) -> None:
        """Read on if what waited has been handled."""
        if not self.peer.is_full:
            self._hub.unread.discard(self)
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.connections.discard(self)
        self._hub.unread.discard(self)
        if not self._hub.connections:
            self._hub.no_connections.set()
        read_rest(  # perhaps goodbye
            self._duplicate_fd,
            lambda data: self._hub.broker.receive(self.peer, self._splitter.feed(data)),
            lambda: not self._is_dropped,
        )
        self._hub.broker.disconnected(self.peer)
        self._hub.flush()

    def write(self, data: bytes) -> None:
        """Queue data until the server's next `flush`."""
        if not self._unsent:
            self._hub.unflushed.append(self)
        self._unsent.append(data)

    def close(self) -> None:
        """Drop the connection at once, with what has not been read."""
        self._is_dropped = True
        self._transport.abort()

    def flush(self) -> None:
        """Send what was written. What the kernel does not take is sent when it does."""
        if self._unsent:
            data = self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent)
            self._unsent.clear()
            self._transport.write(data)
            if not self.peer.is_choked:
                self._hub.broker.resume(self.peer)

    @property
    def unsent_bytes(self) -> int:
        """What was written and the kernel has not taken."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._unsent))

    def resume_writing(self) -> None:
        self._hub.broker.resume(self.peer)
        self._hub.flush()


class HubServer:
    """Listens from `start` to `stop`: on a path, or on a bound socket that it inherited (`is_inherited`) and does not
    remove. Only processes of the same user may connect.

    `no_connections` is set while no worker is connected. `connections`, `unflushed` (those with data to send) and
    `unread` (those that are not read from, since too much of them waits) are maintained by the connections.
    """

    def __init__(self, broker: Broker, place: str | socket.socket) -> None:
        self.broker = broker
        self.connections: set[_WorkerConnection] = set()
        self.no_connections = asyncio.Event()
        self.no_connections.set()
        self.unflushed: list[_WorkerConnection] = []  # the connections with unsent data
        self.unread: set[_WorkerConnection] = set()
        self._place = place
        self.is_inherited = not isinstance(place, str)
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_going_on = False

    async def start(self) -> None:
        """Listen. Raises OSError if the path cannot be used."""
        self._server = await listen_on_host(self._place, lambda: _WorkerConnection(self))
        self._tick(asyncio.get_running_loop())

    async def stop(self) -> None:
        """Drop all connections and stop listening."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close()
        self.broker.log.close()
        if isinstance(self._place, str):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._place)

    def flush(self) -> None:
        """Send what the broker has written."""
        unflushed, self.unflushed = self.unflushed, []
        for connection in unflushed:
            connection.flush()
        for connection in tuple(self.unread):
            connection.read_again()
        if self.broker.steps and not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_going_on = False
        self.broker.steps.go_on()
        self.flush()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_S, self._tick, loop)
        self.broker.tick()
        self.flush()
