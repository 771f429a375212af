"""The network between pages and a node, which is cut, or swallows everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

PATIENCE_S = 10.0
_BACKLOG = 512


class Line:
    """Listens on `port` and passes bytes on to the port `target` of this host. Made by `line`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.is_cut = False
        self.is_swallowing = False
        self.ends: set[_End] = set()

    def cut(self) -> None:
        """End all connections without a word, and let nobody through until `mend`."""
        self.is_cut = True
        self._end_all()

    def swallow(self) -> None:
        """Nothing arrives any more, in neither direction, and nobody is told so."""
        self.is_swallowing = True

    def mend(self) -> None:
        """What lacks bytes does not go on."""
        if self.is_swallowing:
            self._end_all()
        self.is_cut = self.is_swallowing = False

    def _end_all(self) -> None:
        for end in tuple(self.ends):
            end.abort()


class _End(asyncio.Protocol):
    """One end of a connection: that of the page, or with `other` that of the node."""

    def __init__(self, line: Line, other: _End | None = None) -> None:
        self._line = line
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._line.ends.add(self)
        if self._line.is_cut:
            self.abort()
        elif self._other is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        else:
            self._other.joined(self)

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: _End(self._line, self), "127.0.0.1", self._line.target
            )
        except OSError:  # no node is there
            self.abort()

    def joined(self, other: _End) -> None:
        self._other = other
        for data in self._early:
            other.send(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self._line.is_swallowing:
            return
        if self._other is None:
            self._early.append(data)
        else:
            self._other.send(data)

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._line.ends.discard(self)
        self._transport = None
        if self._other is not None:
            self._other.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def line(target: int) -> AsyncIterator[Line]:
    made = Line(target)
    server = await asyncio.get_running_loop().create_server(
        lambda: _End(made), "127.0.0.1", 0, backlog=_BACKLOG
    )
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut()
        async with asyncio.timeout(PATIENCE_S):
            while made.ends:
                await asyncio.sleep(0.01)
