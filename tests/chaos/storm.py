"""Numbers published at a steady rate while something goes wrong, and who got which of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.bus.engines import BusNode, Cluster
from tests.bus.redis_engines import RedisCluster

LONG = bool(os.environ.get("CHAOS_LONG"))  # the faults as long as they are in life; CI has a short form
PER_TURN = 10
TURN_S = 0.01  # so 1,000 a second, or as many as the machine gives


MakeCluster = Callable[..., RedisCluster]
# For what a relay hardly takes part in, and takes long.
own_unless_long = pytest.mark.parametrize(
    "make_cluster", ["own", "relay"] if LONG else ["own"], indirect=True
)


def seconds(long: float, short: float) -> float:
    return long if LONG else short


class Storm:
    """`nodes[0]` publishes on `channel`, all nodes are subscribed."""

    def __init__(self, nodes: list[BusNode], channel: str) -> None:
        self.nodes = nodes
        self.channel = channel
        self.published = 0
        self.forgotten = range(0)

    async def publish_forever(self) -> None:
        while True:
            waiting = []
            for _ in range(PER_TURN):
                waiting.append(self.nodes[0].publish(b"%d" % self.published, self.channel))
                self.published += 1
            # Not waited for before the next turn: while Redis is away, answers come late.
            self._answers = asyncio.gather(*waiting, return_exceptions=True)
            await asyncio.sleep(TURN_S)

    async def wait_for_all(self, patience_s: float = 30.0) -> None:
        """Wait until every node has the last number."""
        last = b"%d" % (self.published - 1)
        async with asyncio.timeout(patience_s):
            for node in self.nodes:
                while not node.received or last not in node.texts(self.channel)[-PER_TURN * 5 :]:
                    await asyncio.sleep(0.02)

    def check(self) -> None:
        """Everyone got every number once, in order, but for those `forgotten` that a dead Redis alone had: then that
        was counted."""
        for node in self.nodes:
            got = [int(text) for text in node.texts(self.channel)]
            gone = set(self.forgotten) - set(got)
            assert not gone or node.bus.missed, f"{node.name} lost {len(gone)} and does not count them"
            expected = [number for number in range(self.published) if number not in gone]
            missing = sorted(set(expected) - set(got))
            doubled = len(got) - len(set(got))
            assert not missing, f"{node.name} missed {len(missing)} of {len(expected)}: {missing[:5]}"
            assert not doubled, f"{node.name} got {doubled} twice"
            assert got == expected, f"{node.name} got them in another order"


@asynccontextmanager
async def storm(cluster: Cluster, number: int = 3, channel: str = "storm") -> AsyncIterator[Storm]:
    """A storm over that many nodes, which ends with the block; then everything must have come."""
    nodes = [await cluster.node() for _ in range(number)]
    for node in nodes:
        await node.enter(channel)
    running_storm = Storm(nodes, channel)
    task = asyncio.create_task(running_storm.publish_forever())
    await asyncio.sleep(0.2)
    yield running_storm
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait((task,))
    await running_storm.wait_for_all()
    running_storm.check()
