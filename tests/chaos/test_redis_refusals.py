"""A Redis that refuses commands for a moment, under load: whatever it refuses is sent again, in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import pytest
from redis.asyncio import Redis

from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP, texts_up_to
from tests.chaos.storm import LONG, MakeCluster
from tests.redis_server import RedisServer

AT_ONCE = 300  # events of one turn: several runs of a script in a pipeline, which Redis does not read at once
MAX_WAITING = 1200  # of them: four turns
TIMES = 20
_SLOW = """
local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
local till = now() + ARGV[1]
while now() < till do end
"""


def text_of(number: int) -> bytes:
    return b"%d" % number + b" " * 2000


async def busy(client: Redis) -> None:
    """Somebody else's script takes so long that others are refused."""
    await client.eval(_SLOW, 0, random.choice((25, 60)))


async def full(client: Redis) -> None:
    await client.config_set("maxmemory", "1mb")
    await asyncio.sleep(0)
    await client.config_set("maxmemory", "0")


async def without_scripts(client: Redis) -> None:
    await client.script_flush()


REFUSALS: Mapping[str, Callable[[Redis], Awaitable[None]]] = {
    "BUSY": busy, "OOM": full, "NOSCRIPT": without_scripts,
}  # fmt: skip


CASES = [(name, over) for name in REFUSALS for over in ("own", "relay")]
if not LONG:
    for each in ("NOSCRIPT", "OOM"):
        CASES.remove((each, "relay"))  # takes 12 s, 3 s


@pytest.mark.parametrize(("name", "make_cluster"), CASES, indirect=["make_cluster"])
async def test_what_is_refused_comes_in_its_order(
    make_cluster: MakeCluster, server: RedisServer, name: str
) -> None:
    cluster = make_cluster(server, lease_s=5)
    try:
        nodes = [await cluster.node() for _ in range(2)]
        for node in nodes:
            await node.enter()
        count, is_over = 0, False

        async def publish() -> None:
            nonlocal count
            while not is_over:
                for _ in range(AT_ONCE):
                    nodes[0].bus.publish(PublishedEvent(APP, "news", text_of(count)))
                    count += 1
                await asyncio.sleep(0.005)
                while nodes[0].bus.health.waiting > MAX_WAITING:
                    await asyncio.sleep(0.001)

        async with server.client() as client:
            await client.config_set("busy-reply-threshold", 20)
            publishing = asyncio.create_task(publish())
            for _ in range(TIMES):
                await REFUSALS[name](client)
                await nodes[0].publish(b"between", "other")  # once it is taken, Redis is well again
        is_over = True
        await publishing
        for node in nodes:
            got = await texts_up_to(node, text_of(count - 1))
            assert got == [text_of(number) for number in range(count)]
    finally:
        await cluster.close()
