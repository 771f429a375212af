"""pusher-js clients on different workers of one server, and the server SDK, which meets whichever worker it meets."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pusher  # type: ignore[import-untyped]

from revurb.pusher.socket_id import process_of
from tests.e2e.auth_endpoint import auth_endpoint
from tests.e2e.node import Node, options, start
from tests.processes.serving import serving
from tests.processes.test_single_node import APP

TRIES = 50


async def open_on(node: Node, pid: int, client: str, settings: Mapping[str, Any]) -> None:
    """A client by this name on the worker `pid`: asks until it is given to that one."""
    for _ in range(TRIES):
        if process_of(await node.open(client, APP.key, settings)) == pid:
            return
        await node.do("close", client)
        await node.state(client, "disconnected")
    raise AssertionError(f"no connection to {pid}")


async def test_pusher_js_on_two_workers(tmp_path: Path, node_program: str) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "1") as server:
        sdk = pusher.Pusher(APP.id, APP.key, APP.secret, host="127.0.0.1", port=server.port, ssl=False)
        async with start(node_program) as node, auth_endpoint(sdk) as auth:
            for number, row in enumerate(server.workers()):
                assert row.pid is not None
                params = {"user": str(number)}
                authorization = {"transport": "ajax", "endpoint": auth.url, "params": params}
                settings = options(server.port, channelAuthorization=authorization)
                await open_on(node, row.pid, f"c{number}", settings)
            assert (await node.subscribe("c0", "presence-room"))["count"] == 1
            assert (await node.subscribe("c1", "presence-room"))["members"].keys() == {"0", "1"}
            assert (await node.event("c0", "pusher:member_added"))["id"] == "1"
            for number in range(10):  # each over a connection of the SDK's choice
                await asyncio.to_thread(sdk.trigger, "presence-room", "headline", {"n": number})
                for client in ("c0", "c1"):
                    assert await node.event(client, "headline") == {"n": number}
            await node.do("trigger", "c1", channel="presence-room", event="client-hi", data={"a": 1})
            assert await node.event("c0", "client-hi") == {"a": 1}
            users = await asyncio.to_thread(sdk.users_info, "presence-room")
            assert users == {"users": [{"id": "0"}, {"id": "1"}]}
            await node.do("unsubscribe", "c1", channel="presence-room")
            assert (await node.event("c0", "pusher:member_removed"))["id"] == "1"
        server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.ended) == 0
