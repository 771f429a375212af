"""A proxy between a node and its Redis, that can swallow everything without closing anything, and say what it likes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _ProxiedConnection:
    """One connection."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.is_subscribing = False
        self.is_black_hole = False


class _Proxy(ABC):
    """Passes bytes on both ways, unless `is_black_hole`."""

    def __init__(self) -> None:
        self.is_black_hole = False
        self._server: asyncio.AbstractServer
        self._connections: set[_ProxiedConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def swallow_subscriptions(self) -> None:
        """Swallow everything on the subscribing connections that are open now. New ones are not affected."""
        for connection in self._connections:
            connection.is_black_hole = connection.is_subscribing

    def say(self, data: bytes, *, to_subscribers: bool) -> int:
        """Send clients what the server has not said, on the connections of one kind; returns on how many."""
        found = [each for each in self._connections if each.is_subscribing is to_subscribers]
        for connection in found:
            connection.client.write(data)
        return len(found)

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def _target(self) -> Streams: ...

    async def close(self) -> None:
        """Every connection ends, and new ones are refused."""
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await self._target()
        except OSError:
            writer.close()
            return
        connection = _ProxiedConnection(writer)
        self._connections.add(connection)
        for source, sink in ((reader, to_writer), (to_reader, writer)):
            task = asyncio.create_task(self._pass(source, sink, connection, of_client=source is reader))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        connection: _ProxiedConnection,
        of_client: bool,
    ) -> None:
        try:
            while data := await source.read(65536):
                if of_client and b"SUBSCRIBE" in data:
                    connection.is_subscribing = True
                if self.is_black_hole or connection.is_black_hole:
                    # Swallowed for good: a connection that lived through it would lack bytes, so it never speaks again.
                    await asyncio.Event().wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            self._connections.discard(connection)
            sink.close()


class Proxy(_Proxy):
    """Listens on `path` and passes bytes on to the Unix socket `target`."""

    def __init__(self, path: str, target: str) -> None:
        super().__init__()
        self.path = path
        self._to = target

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def _target(self) -> Streams:
        return await asyncio.open_unix_connection(self._to)


class TcpProxy(_Proxy):
    """Listens on a `port` of its own and passes bytes on to the port `target`, all of this host."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._to = target

    async def start(self) -> None:
        self._server = server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]

    async def _target(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self._to)
