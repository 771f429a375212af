"""The broker behind a Unix socket, for an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import cast

from revurb.bus.hub.broker import Broker
from revurb.bus.hub.framing import FramingError, MessageSplitter
from revurb.bus.hub.peer import Peer

_log = logging.getLogger(__name__)

TICK_S = 0.25
MAX_QUEUED_BYTES = 64 * 1024 * 1024  # for one worker; one that is this far behind starts over


class _WorkerConnection(asyncio.Protocol):
    """A worker's connection."""

    def __init__(self, hub: HubServer) -> None:
        self._hub = hub
        self._splitter = MessageSplitter()
        self._unsent: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._fd = transport.get_extra_info("socket").fileno()
        self.peer = Peer(self, asyncio.get_running_loop().time())
        self._hub.connections.add(self)
        self._hub.no_connections.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self._hub.broker.receive(self.peer, self._splitter.feed(data))
        except FramingError as error:
            _log.error("a worker's connection is broken", extra={"error": str(error)})
            self.close()
        self._hub.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.connections.discard(self)
        if not self._hub.connections:
            self._hub.no_connections.set()
        self._hub.broker.disconnected(self.peer)
        self._hub.flush()

    def write(self, data: bytes) -> None:
        if not self._unsent:
            self._hub.dirty.append(self)
        self._unsent.append(data)

    def close(self) -> None:
        self._transport.abort()

    def flush(self) -> None:
        """Send all that was written: now, unless the worker has not taken what was sent before."""
        data = self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent)
        self._unsent.clear()
        transport = self._transport
        if transport.is_closing():
            return
        queued = transport.get_write_buffer_size()
        if queued > MAX_QUEUED_BYTES:
            _log.error("worker takes nothing, its connection is closed", extra={"node": self.peer.node})
            self.close()
            return
        if not queued:
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # it has died; the loop will say so
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)


class HubServer:
    """Listens on `path` from `start` to `stop`. Only the owner of the process may connect (mode 0600)."""

    def __init__(self, broker: Broker, path: str) -> None:
        self.broker = broker
        self.connections: set[_WorkerConnection] = set()
        self.no_connections = asyncio.Event()  # set while there are none
        self.no_connections.set()
        self.dirty: list[_WorkerConnection] = []  # those with something to send
        self._path = path
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Raises OSError if the path is not to be had."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # of a broker that was killed; the supervisor runs one at a time
        before = os.umask(0o177)
        try:
            self._server = await loop.create_unix_server(lambda: _WorkerConnection(self), self._path)
        finally:
            os.umask(before)
        self._tick(loop)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def flush(self) -> None:
        """Send what the broker has written: first the events, so that the kernel has them and will deliver them
        whatever becomes of this process, and then to their publishers that they are sent."""
        unacknowledged = self.broker.unacknowledged
        if len(unacknowledged) == 1:  # nearly always: what this one gets goes with the word
            events = [each for each in self.dirty if each.peer is not unacknowledged[0]]
            self.dirty = [each for each in self.dirty if each.peer is unacknowledged[0]]
        else:
            events, self.dirty = self.dirty, []
        for connection in events:
            connection.flush()
        self.broker.acknowledge()
        last, self.dirty = self.dirty, []
        for connection in last:
            connection.flush()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_S, self._tick, loop)
        self.broker.tick()
        self.flush()
