"""What the workers of a host share of Redis: who wants which channel, and how it ends."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from revurb.bus.redis import pubsub_listener
from revurb.bus.redis.keys import Keys
from revurb.bus.relay import relay_session
from revurb.bus.relay.relay_session import RelaySession
from tests.bus.relay.relayed_host import RelayedHost, until, until_told
from tests.redis_server import RedisClusterServers, RedisServer

CHANNELS = [
    Keys("relayed").heartbeat(number, "n1") for number in range(12)
]  # on all three servers of a Cluster


async def test_a_channel_is_subscribed_to_once_while_anybody_wants_it(
    host: RelayedHost, server: RedisServer
) -> None:
    first, second = await host.worker(), await host.worker()
    async with server.client() as client:
        await first.subscribe("news", "a")
        await second.subscribe("news", "b")
        assert dict(await client.pubsub_numsub("news", "a", "b")) == {b"news": 1, b"a": 1, b"b": 1}
        first.listener.unsubscribe("news")
        await second.subscribe("more")
        await first.subscribe("more")
        assert dict(await client.pubsub_numsub("news")) == {b"news": 1}
        await second.close()
        await until_told(client.pubsub_channels, lambda told: sorted(told) == [b"a", b"more"])
        first.listener.unsubscribe("never subscribed to")
        await first.close()
        await until_told(client.pubsub_channels, lambda told: not told)


async def test_a_worker_with_many_channels_is_forgotten_in_slices(
    host: RelayedHost, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_session, "CHANNELS_PER_TURN", 10)
    leaver, stays = await host.worker(), await host.worker()
    await stays.subscribe("channel-7")
    await leaver.subscribe(*(f"channel-{number}" for number in range(1000)))
    session, left = session_of(host), list[int]()
    unsubscribe = session.unsubscribe

    def unsubscribing(worker: relay_session.SubscribingWorker, channels: list[bytes]) -> None:
        left.append(len(channels))
        unsubscribe(worker, channels)

    session.unsubscribe = unsubscribing  # type: ignore[method-assign,assignment]
    await leaver.close()
    async with server.client() as client:
        await until_told(client.pubsub_channels, lambda told: told == [b"channel-7"])
        assert left == [10] * 100
        await client.publish("channel-7", "1")
        await until(lambda: stays.heard(b"channel-7"))


async def test_what_has_come_already_is_heard_before_the_end(
    host: RelayedHost, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay reads some messages in each turn. Redis is killed, and a worker says so before all are read."""
    monkeypatch.setattr("revurb.bus.relay.relay_server.MIN_SESSION_S", 0.0)
    worker, other = await host.worker(), await host.worker()
    await worker.subscribe("news")
    monkeypatch.setattr(pubsub_listener, "MAX_MESSAGES_AT_ONCE", 2)
    async with server.client() as client, client.pipeline(transaction=False) as pipeline:
        for number in range(2000):
            pipeline.publish("news", number)
        await pipeline.execute()
    await server.kill()
    assert len(worker.heard(b"news")) < 2000
    other.redis.distrust("it is gone")
    await until(lambda: worker.lost)
    assert worker.heard(b"news") == [b"%d" % number for number in range(2000)]


async def test_channels_of_a_cluster_are_heard_from_every_server(
    redis_cluster: RedisClusterServers, tmp_path: Path
) -> None:
    """A worker knows which server has a channel. When a part moves, everybody is told to look again."""
    await redis_cluster.start()
    async with RelayedHost(redis_cluster.client, str(tmp_path / "relay.sock")) as host:
        workers = [await host.worker() for _ in range(2)]
        async with redis_cluster.client() as client:
            servers = [workers[0].redis.server_of(channel) for channel in CHANNELS]
            assert len(set(servers)) == 3
            for channel, server in zip(CHANNELS, servers, strict=True):
                node = client.nodes_manager.get_node_from_slot(client.keyslot(channel))
                assert server == f"{node.host}:{node.port}"
            for worker in workers:
                await worker.subscribe(*CHANNELS)
            for channel in CHANNELS:
                await client.execute_command("SPUBLISH", channel, "1")
            for worker in workers:
                await until(lambda worker=worker: len(worker.messages) == 2 * len(CHANNELS))  # type: ignore[misc]
            await asyncio.to_thread(redis_cluster.move, CHANNELS[0])
            await until(lambda: all(worker.lost for worker in workers))
            assert {*workers[0].lost, *workers[1].lost} == {"a part of the cluster has moved"}
            later = await host.worker()
            await later.subscribe(*CHANNELS)
            assert later.redis.server_of(CHANNELS[0]) != servers[0]
            await until_told(partial(client.execute_command, "SPUBLISH", CHANNELS[0], "2"), bool)
            await until(lambda: later.heard(CHANNELS[0].encode()))


async def test_a_slot_that_moves_without_a_subscription_is_noticed(
    redis_cluster: RedisClusterServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By commands that are redirected: what workers believe of where their channels are must be true."""
    monkeypatch.setattr(relay_session, "SLOTS_AGAIN_S", 0.05)
    await redis_cluster.start()
    async with RelayedHost(redis_cluster.client, str(tmp_path / "relay.sock")) as host:
        worker, key = await host.worker(), "{moving}n"
        assert await worker.run(("INCR", key)) == [1]
        before = worker.redis.server_of("{moving}")
        await asyncio.to_thread(redis_cluster.move, key)
        assert await worker.run(("INCR", key)) == [2]
        await until(lambda: worker.lost)
        later = await host.worker()
        assert await later.run(("GET", key), ("DEL", key)) == [b"2", 1]
        assert later.redis.server_of("{moving}") != before


def session_of(host: RelayedHost) -> RelaySession:
    assert host.relay is not None
    session = host.relay._session
    assert session is not None
    return session
