"""Whatever anyone publishes on the channel: it is counted, and the nodes go on. A PHP node would end on most of it."""

from __future__ import annotations

import random

import pytest

from tests.bus.engines import Node
from tests.bus.reverb.conftest import MixedCluster
from tests.bus.reverb.node import CAPTURES, captured
from tests.bus.reverb.test_messages import GARBAGE


async def say(mixed: MixedCluster, *messages: bytes) -> None:
    async with mixed.server.client() as client:
        for message in messages:
            await client.publish("reverb", message)


async def test_garbage_is_counted_and_the_node_goes_on(mixed: MixedCluster) -> None:
    node = await mixed.node()
    await say(mixed, *(text.encode() for text in GARBAGE.values()), captured("02-event-channel-1"))
    await node.until(lambda: node.heard)
    assert mixed.bridges[node].refused == len(GARBAGE)
    assert [channel for channel, _, _ in node.heard] == ["pub"]
    assert not node.bus.degraded


@pytest.mark.parametrize("seed", range(3))
async def test_noise_ends_nobody(mixed: MixedCluster, seed: int) -> None:
    dice = random.Random(seed)
    node = await mixed.node()
    originals = [path.read_bytes() for path in sorted(CAPTURES.iterdir())]
    noise = []
    for _ in range(300):
        data = bytearray(dice.choice(originals))
        for _ in range(dice.randint(1, 5)):
            at = dice.randrange(len(data))
            data[at : at + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
        noise.append(bytes(data).replace(b"app1", b"app0"))
    node.deliver = lambda *event: Node.deliver(node, "app1", *event[1:])  # type: ignore[method-assign]
    await say(mixed, *noise, captured("08-client-event-1"))
    await node.until(lambda: any(channel == "private-x" for channel, _, _ in node.heard))
    assert mixed.bridges[node].refused > 0
    assert not node.bus.degraded


async def test_a_receiver_that_fails_is_no_end(mixed: MixedCluster, caplog: pytest.LogCaptureFixture) -> None:
    node = await mixed.node()
    deliver = node.deliver

    def fail(app_id: str, channel: str, text: bytes, except_socket_id: str | None) -> None:
        raise RuntimeError("a fault of ours")

    node.deliver = fail  # type: ignore[method-assign]
    await say(mixed, captured("02-event-channel-1"))
    await node.until(lambda: mixed.bridges[node].refused == 1)
    assert "message of a PHP node not handled" in caplog.text
    node.deliver = deliver  # type: ignore[method-assign]
    await say(mixed, captured("02-event-channel-1"))
    await node.until(lambda: node.heard)
