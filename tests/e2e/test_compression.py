"""pusher-js on a node that compresses: over a WebSocket that offers permessage-deflate, and over its own.

The WebSocket that Node brings along offers it, as browsers do; the one inside pusher-js for Node does not. It also
refuses an answer that does not take up the subprotocol that it is told to offer, here the one of PusherSwift.
"""

from __future__ import annotations

import asyncio
import json
import re

import pytest

import revurb
from tests.e2e.conftest import APP, Stages, serve
from tests.e2e.node import FOLDER, PATIENCE_S, options

# Reports each event of `news` as [extensions of the WebSocket, event, data], a line of JSON each.
SCRIPT = """
import Pusher from "pusher-js";
const Socket = globalThis.WebSocket ?? (await import("ws")).default;  // Node 18 has none of its own
let extensions = null;
Pusher.Runtime.createWebSocket = (url) => {
  const socket = new Socket(url, ["pusher-channels-protocol-7"]);
  socket.addEventListener("open", () => { extensions = socket.extensions; });
  return socket;
};
const pusher = new Pusher(process.argv[1], JSON.parse(process.argv[2]));
pusher.subscribe("news").bind_global((event, data) => console.log(JSON.stringify([extensions, event, data])));
process.stdin.on("end", () => process.exit(0)).resume();
"""
COUNT = 20


def sizable(number: int) -> list[dict[str, object]]:
    return [{"id": number * at, "name": f"größe {at} 😀"} for at in range(number * 10)]


@pytest.mark.parametrize("mode", ["shared", "dedicated"])
async def test_over_a_websocket_that_offers_it(node_program: str, mode: str) -> None:
    version = await major(node_program)
    flag = ["--experimental-websocket"] if version in (20, 21) else []
    async with serve(compression=mode) as server:
        node = await asyncio.create_subprocess_exec(
            *(node_program, *flag, "--input-type=module", "-e", SCRIPT),
            *(APP.key, json.dumps(options(server.port))),
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # that the flag is experimental
            limit=2**20,
        )
        assert node.stdin is not None
        try:
            await heard(node, server, mode, shows_parameters=version >= 20)
        finally:
            node.stdin.close()
            await node.wait()


async def major(program: str) -> int:
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    version = re.match(rb"v(\d+)", (await process.communicate())[0])
    assert version is not None
    return int(version[1])


async def heard(
    node: asyncio.subprocess.Process, server: revurb.Server, mode: str, *, shows_parameters: bool
) -> None:
    assert node.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        extensions, event, _ = json.loads(await node.stdout.readline())
    assert event == "pusher:subscription_succeeded"
    assert extensions.startswith("permessage-deflate")
    if shows_parameters:  # `ws` names the extension only
        assert ("server_no_context_takeover" in extensions) == (mode == "shared")
    for number in range(COUNT):
        await server.trigger("news", "sizable", sizable(number))
    for number in range(COUNT):
        async with asyncio.timeout(PATIENCE_S):
            assert json.loads(await node.stdout.readline()) == [extensions, "sizable", sizable(number)]


@pytest.mark.parametrize("mode", ["shared", "dedicated"])
async def test_over_one_that_does_not(stage: Stages, mode: str) -> None:
    async with stage(compression=mode) as s:
        await s.open("a")
        await s.node.subscribe("a", "news")
        for number in range(COUNT):
            await s.server.trigger("news", "sizable", sizable(number))
            assert await s.node.event("a", "sizable", "news") == sizable(number)
