"""pusher-js and laravel-echo in a Node process, driven over its stdin and stdout (see driver.mjs)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PATIENCE_S = 10.0  # Node starts in well under a second


class Node:
    """The process and its clients by name. Made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._states: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._errors: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._events: defaultdict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._reading = asyncio.create_task(self._read())

    async def do(self, what: str, client: str, **arguments: Any) -> Any:
        """Run one command of driver.mjs; its result."""
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "do": what, "client": client, **arguments}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            return await reply

    async def open(
        self, client: str, key: str, options: Mapping[str, Any], *, echo: bool | str = False, **more: Any
    ) -> str:
        """A connected client; its socket id. `echo` is whether it has an Echo, or the name of its package."""
        library = "laravel-echo" if echo is True else echo
        await self.do("open", client, key=key, options=options, echo=library, **more)
        await self.state(client, "connected")
        return str(await self.do("socketId", client))

    async def state(self, client: str, state: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until the connection is in this state, past any other."""
        async with asyncio.timeout(patience_s):
            while await self._states[client].get() != state:
                pass

    async def error(self, client: str) -> Any:
        """The data of the next error of the connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._errors[client].get()

    async def next(self, client: str) -> dict[str, Any]:
        """The next thing that this client was told: `channel`, `event`, `data`."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._events[client].get()

    async def event(self, client: str, event: str, channel: str | None = None) -> Any:
        """The next thing that this client was told on any channel, which must be this event; its data."""
        told = await self.next(client)
        assert told["event"] == event, f"expected {event}, got {told}"
        assert channel is None or told["channel"] == channel, f"expected {channel}, got {told}"
        return told.get("data")

    async def subscribe(self, client: str, channel: str) -> Any:
        """pusher.subscribe, and the data of its success."""
        await self.do("subscribe", client, channel=channel)
        return await self.event(client, "pusher:subscription_succeeded", channel)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            fact = json.loads(line)
            if "id" in fact:
                reply = self._replies.pop(fact["id"])
                if "error" in fact:
                    reply.set_exception(AssertionError(fact["error"]))
                else:
                    reply.set_result(fact["result"])
            elif "state" in fact:
                self._states[fact["client"]].put_nowait(fact["state"])
                if fact["state"] == "error":
                    self._errors[fact["client"]].put_nowait(fact["data"])
            else:
                self._events[fact["client"]].put_nowait(fact)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.wait_closed()
        await self._process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def start(
    program: str, driver: str = "driver.mjs", *arguments: str, ca_file: str | None = None
) -> AsyncIterator[Node]:
    """A Node process; `ca_file` is what it trusts besides the usual."""
    environment = dict(os.environ)
    if ca_file is not None:
        environment["NODE_EXTRA_CA_CERTS"] = ca_file
    process = await asyncio.create_subprocess_exec(
        program,
        str(FOLDER / driver),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        limit=2**20,
    )
    node = Node(process)
    try:
        yield node
    finally:
        await node.stop()


def options(port: int, **more: Any) -> dict[str, Any]:
    """What a Laravel project's bootstrap/echo.js gives to pusher-js."""
    return {
        "cluster": "",
        "wsHost": "127.0.0.1",
        "wsPort": port,
        "wssPort": port,
        "forceTLS": False,
        "enabledTransports": ["ws", "wss"],
        "enableStats": False,
        **more,
    }
