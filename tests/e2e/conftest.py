"""The stage for real clients: a server, a Node process, an auth endpoint and the server SDK."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

import revurb
from revurb.apps import App
from tests.e2e.auth_endpoint import AuthEndpoint, auth_endpoint
from tests.e2e.node import Node, options, start
from tests.node_program import node_program as node_program

APP = App(id="1", key="app-key", secret="app-secret")
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()


@dataclass
class Stage:
    """Everything a scenario plays with."""

    server: revurb.Server
    node: Node
    sdk: pusher.Pusher
    auth: AuthEndpoint

    def options(self, user: str = "1", **more: Any) -> dict[str, Any]:
        """Options of a client that is `user` to the auth endpoint."""
        params = {"user": user, **more.pop("params", {})}
        authorization = {"transport": "ajax", "endpoint": self.auth.url, "params": params}
        return options(
            self.server.port, channelAuthorization=authorization, userAuthentication=authorization, **more
        )

    async def open(self, client: str, user: str = "1", *, echo: bool = False, **more: Any) -> str:
        """Connect a client by this name; its socket id."""
        return await self.node.open(client, APP.key, self.options(user, **more), echo=echo)

    async def trigger(self, *arguments: Any) -> Any:
        """sdk.trigger, which blocks, beside the loop that serves it."""
        return await asyncio.to_thread(self.sdk.trigger, *arguments)


def serve(**settings: Any) -> revurb.Server:
    """A server of APP. The SDK keeps connections that it does not end, so stopping must not be patient."""
    return revurb.Server(apps=[APP], **{"port": 0, "close_timeout_s": 0.2, **settings})


def server_sdk(port: int, *, ssl: bool = False, host: str = "127.0.0.1") -> pusher.Pusher:
    return pusher.Pusher(
        app_id=APP.id,
        key=APP.key,
        secret=APP.secret,
        host=host,
        port=port,
        ssl=ssl,
        encryption_master_key_base64=MASTER_KEY,
    )


Stages = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage(node_program: str) -> Stages:
    """`async with stage() as s:`, with the arguments of revurb.Server."""

    @contextlib.asynccontextmanager
    async def build(*, ca_file: str | None = None, **settings: Any) -> AsyncIterator[Stage]:
        async with serve(**settings) as server, start(node_program, ca_file=ca_file) as node:
            sdk = server_sdk(server.port)
            async with auth_endpoint(sdk) as auth:
                yield Stage(server, node, sdk, auth)

    return build
