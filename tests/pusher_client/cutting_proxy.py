"""A TCP proxy on loopback that cuts its connections when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class CuttingProxy:
    """Forwards to `port_behind`, which may change. `accepted` counts connections."""

    def __init__(self, port_behind: int) -> None:
        self.port_behind = port_behind
        self.port = 0
        self.accepted = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End all connections without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.port_behind)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, behind_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, behind_writer))
                group.create_task(_copy(behind_reader, writer))
        finally:
            self._writers -= {writer, behind_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def cutting_proxy(port_behind: int) -> AsyncIterator[CuttingProxy]:
    proxy = CuttingProxy(port_behind)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
