"""The subscribing connections to the servers of a real Redis Cluster."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.sharded_listener import ShardedListener
from tests.bus.redis.test_pubsub_listener import Handler
from tests.redis_server import RedisClusterServers

KEYS = Keys("sharded")
CHANNELS = [KEYS.heartbeat(number, "n1") for number in range(12)]  # on all three servers


async def test_messages_come_from_every_server(redis_cluster: RedisClusterServers) -> None:
    await redis_cluster.start()
    client, handler = redis_cluster.client(), Handler()
    async with asyncio.timeout(10):
        await client.initialize()
        listener = ShardedListener(client, handler, ReceivingGate())
        await listener.open(CHANNELS[:2])
        subscribed = asyncio.Event()
        waiting = set(CHANNELS)

        def on_subscribed(channel: str) -> None:
            waiting.discard(channel)
            if not waiting:
                subscribed.set()

        for channel in CHANNELS:
            listener.subscribe(channel, lambda channel=channel: on_subscribed(channel))  # type: ignore[misc]
        await subscribed.wait()
        assert len({listener.server_of(channel) for channel in CHANNELS}) == 3
        for channel in CHANNELS:
            await client.execute_command("SPUBLISH", channel, channel)
        messages = {await handler.messages.get() for _ in CHANNELS}
        assert messages == {(channel.encode(), channel.encode()) for channel in CHANNELS}
        for channel in CHANNELS:
            listener.unsubscribe(channel)
        for channel in CHANNELS:
            while await client.execute_command("SPUBLISH", channel, "nobody wants it"):
                pass
        await listener.close()
        await client.aclose()


async def test_a_slot_without_a_server_is_unavailable(redis_cluster: RedisClusterServers) -> None:
    await redis_cluster.start()
    client, handler = redis_cluster.client(), Handler()
    await client.initialize()
    client.nodes_manager.slots_cache.clear()
    listener = ShardedListener(client, handler, ReceivingGate())
    with pytest.raises(RedisUnavailable):
        listener.server_of(CHANNELS[0])
    listener.subscribe(CHANNELS[0], lambda: None)
    assert isinstance(handler.lost.get_nowait(), RedisUnavailable)
    listener.unsubscribe(CHANNELS[0])  # which ends the session, and nothing else
    assert isinstance(handler.lost.get_nowait(), RedisUnavailable)
    await client.aclose()
