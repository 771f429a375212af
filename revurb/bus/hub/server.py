"""The broker behind a Unix socket, for an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import cast

from revurb.bus.hub.broker import Broker, Peer
from revurb.bus.hub.framing import FramingError, Unpacker

_log = logging.getLogger(__name__)

TICK_S = 0.25
MAX_QUEUED_BYTES = 64 * 1024 * 1024  # for one worker; one that is this far behind starts over


class _Connection(asyncio.Protocol):
    """A worker's connection."""

    def __init__(self, hub: HubServer) -> None:
        self._hub = hub
        self._unpacker = Unpacker()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._peer = Peer(self, asyncio.get_running_loop().time())
        self._hub.connections.add(self)
        self._hub.empty.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self._hub.broker.receive(self._peer, self._unpacker.feed(data))
        except FramingError as error:
            _log.error("a worker's connection is broken", extra={"error": str(error)})
            self.close()
        self._hub.acknowledge_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.connections.discard(self)
        if not self._hub.connections:
            self._hub.empty.set()
        self._hub.broker.lost(self._peer)

    def write(self, data: bytes) -> None:
        if self._transport.get_write_buffer_size() > MAX_QUEUED_BYTES:
            _log.error("worker takes nothing, its connection is closed", extra={"node": self._peer.node})
            self.close()
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._transport.abort()


class HubServer:
    """Listens on `path` from `start` to `stop`. Only the owner of the process may connect (mode 0600)."""

    def __init__(self, broker: Broker, path: str) -> None:
        self.broker = broker
        self.connections: set[_Connection] = set()
        self.empty = asyncio.Event()  # set while there are none
        self.empty.set()
        self._path = path
        self._acknowledging = False
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Raises OSError if the path is not to be had."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # of a broker that was killed; the supervisor runs one at a time
        before = os.umask(0o177)
        try:
            self._server = await loop.create_unix_server(lambda: _Connection(self), self._path)
        finally:
            os.umask(before)
        self._turn(loop)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def acknowledge_soon(self) -> None:
        """uvloop sends what was written in a turn at its end, to one connection after the other. In the next turn, the
        kernel has it, and will deliver it whatever becomes of this process."""
        if self.broker.owes and not self._acknowledging:
            self._acknowledging = True
            asyncio.get_running_loop().call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        self._acknowledging = False
        self.broker.acknowledge()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_S, self._turn, loop)
        self.broker.tick()
        self.acknowledge_soon()  # a broker that has listened first may have
