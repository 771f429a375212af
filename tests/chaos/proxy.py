"""A proxy between a node and its Redis, that can swallow everything without closing anything."""

from __future__ import annotations

import asyncio


class Proxy:
    """Listens on `path` and passes bytes on to the Unix socket `target`, unless `black`."""

    def __init__(self, path: str, target: str) -> None:
        self.path = path
        self.black = False
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def close(self) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, to_writer), (to_reader, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if self.black:
                    # Swallowed for good: a connection that lived through it would lack bytes, so it never speaks again.
                    await asyncio.Event().wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()
