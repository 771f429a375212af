"""Clients that keep hooks busy: others are served, and what waits is bounded."""

from __future__ import annotations

import asyncio
import time

from revurb import App, HookConnection, Refuse
from revurb.config import Config, HooksConfig, ServerConfig
from revurb.node.hook_runner import MAX_ASKED_EACH, TOO_MANY
from revurb.node.node import Node
from tests.client import connect

APP = App(id="1", key="key1", secret="secret")
FLOOD = 200


class Hanging:
    async def on_subscribe(self, connection: HookConnection, channel: str, channel_data: str | None) -> None:
        if channel == "forbidden":
            raise Refuse("no")
        if channel.startswith("slow"):
            await asyncio.Event().wait()


async def test_who_keeps_a_hook_busy_does_not_get_past_it_and_hurts_nobody() -> None:
    config = Config(
        server=ServerConfig(host="127.0.0.1", port=0),
        apps=(APP,),
        hooks=HooksConfig(timeout_s=0.5, on_failure="allow"),
    )
    node = Node(config, hooks=[Hanging()])
    await node.start()
    async with connect(node.port, "key1") as attacker, connect(node.port, "key1") as other:
        for number in range(MAX_ASKED_EACH):
            await attacker.send({"event": "pusher:subscribe", "data": {"channel": f"slow{number}"}})
        for _ in range(FLOOD):
            await attacker.send({"event": "pusher:subscribe", "data": {"channel": "forbidden"}})
            assert await attacker.expect_error(4009) == TOO_MANY
            await attacker.expect("pusher:subscription_error", "forbidden")
        began_at = time.monotonic()
        await other.subscribe("news")
        waited_s = time.monotonic() - began_at
        for _ in range(MAX_ASKED_EACH):
            await attacker.expect("pusher_internal:subscription_succeeded")
        assert node.counters.hook_timeouts_total == MAX_ASKED_EACH
        await attacker.send({"event": "pusher:subscribe", "data": {"channel": "forbidden"}})
        assert await attacker.expect_error(4009) == "no"
    await node.stop(drain_timeout_s=0)
    print(f"{MAX_ASKED_EACH} hanging hooks, {FLOOD} refused, another client: {waited_s:.3f} s")
