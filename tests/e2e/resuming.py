"""The stage for clients that come back: `revurb serve` with history, a line that can be cut, and a Node process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pusher  # type: ignore[import-untyped]

from tests.client import http, signed
from tests.e2e.auth_endpoint import AuthEndpoint, auth_endpoint
from tests.e2e.conftest import MASTER_KEY
from tests.e2e.cut_line import CutLine, cut_line
from tests.e2e.node import Node, options, start
from tests.processes.serving import Serving, serving
from tests.processes.test_single_node import APP

LIBRARIES = ("pusher-js-4", "pusher-js-5", "pusher-js-6", "pusher-js-7", "pusher-js")
HISTORY = {
    "REVERB_APP_ID": APP.id,
    "REVERB_APP_KEY": APP.key,
    "REVERB_APP_SECRET": APP.secret,
    "REVURB_APP_HISTORY_CHANNELS": "room*,private-room*,presence-room*,cache-room*",
    "REVURB_APP_HISTORY_SIZE": "5000",
    "REVURB_APP_MAX_RESUMED_EVENTS": "5000",
    "REVURB_APP_MAX_RESUME_SIZE": "5000000",
}
SUCCEEDED, GAP = "pusher:subscription_succeeded", "revurb:gap"


@dataclass
class Comeback:
    """What a scenario plays with. The server can be another one after a while: `line.target` is its port."""

    server: Serving
    line: CutLine
    node: Node
    auth: AuthEndpoint
    sdk: pusher.Pusher  # of the first server
    prefix: str = ""  # of the server's paths

    async def open(self, client: str, user: str = "1", *, library: str = "pusher-js", **more: Any) -> str:
        """A connected client with the module, unless `resume=False`; its socket id."""
        await self.prepare(client, user, library=library, **more)
        await self.node.state(client, "connected")
        return str(await self.node.do("socketId", client))

    async def prepare(
        self,
        client: str,
        user: str = "1",
        *,
        library: str = "pusher-js",
        port: int | None = None,
        **more: Any,
    ) -> None:
        """The same, not waited for; to another `port` than that of the line."""
        settings = options(
            port or self.line.port,
            authEndpoint=self.auth.url,
            auth={"params": {"user": user}},
            disableStats=True,
        )
        more = {"resume": True, "echo": False, **more}
        await self.node.do("open", client, key=APP.key, options=settings, library=library, **more)

    async def cut(self, client: str) -> None:
        """Cut the line, and mend it when the client has noticed."""
        self.line.cut()
        await self.node.state(client, "connecting")
        self.line.mend()
        await self.node.state(client, "connected")

    def losses(self, library: str) -> Sequence[Callable[[str], Awaitable[None]]]:
        """Ways in which a client loses its connection, one after the other. Those before version 8 give up when a
        WebSocket had a short life for the second time."""
        return (self.cut, self.leave_and_return, self.cut) if library == "pusher-js" else (self.cut,)

    async def leave_and_return(self, client: str) -> None:
        """The application disconnects, and connects again."""
        await self.node.do("close", client)
        await self.node.state(client, "disconnected")
        await self.node.do("connect", client)
        await self.node.state(client, "connected")

    async def publish(
        self,
        channel: str,
        *data: object,
        name: str = "e",
        socket_id: str | None = None,
        port: int | None = None,
    ) -> None:
        """Over the server behind the line, or the one at `port`."""
        async with http(port or self.line.target) as connection:
            for each in data:
                event: dict[str, object] = {"name": name, "channel": channel, "data": json.dumps(each)}
                if socket_id is not None:
                    event["socket_id"] = socket_id
                body = json.dumps(event).encode()
                target = signed(APP, "POST", f"{self.prefix}/apps/1/events", body)
                response = await connection.request("POST", target, body)
                assert response.status == 200, response.text

    async def numbers(self, client: str, channel: str, *expected: int) -> None:
        """The next events of the client are these, in order, with nothing between."""
        found = [await self.node.event(client, "e", channel) for _ in expected]
        assert found == list(expected)


@contextlib.asynccontextmanager
async def comeback(
    folder: Path, program: str, *arguments: str, environment: Mapping[str, str] = HISTORY
) -> AsyncIterator[Comeback]:
    """`arguments` and `environment` are those of `revurb serve`."""
    with serving(folder, *arguments, environment=environment) as server:
        sdk = encrypting_sdk(server.port, MASTER_KEY)
        async with cut_line(server.port) as line, auth_endpoint(sdk) as auth, start(program) as node:
            yield Comeback(server, line, node, auth, sdk)
        await asyncio.to_thread(stop, server)


def encrypting_sdk(port: int, master_key: str) -> pusher.Pusher:
    return pusher.Pusher(
        APP.id,
        APP.key,
        APP.secret,
        host="127.0.0.1",
        port=port,
        ssl=False,
        encryption_master_key_base64=master_key,
    )


def stop(server: Serving) -> None:
    server.process.kill()
    server.ended()
