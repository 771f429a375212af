"""One node of many removes what a dead one held; if that one dies as well, another does."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis import pace
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS, Keys
from revurb.bus.redis.node_leases import PARTITIONS_AT_ONCE
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import APP, DEADLINE_S, BusNode, resolve, texts_up_to
from tests.bus.redis_engines import RedisCluster
from tests.conftest import Run
from tests.redis_server import RedisServer

KEYS = Keys("revurb")
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")
CHANNELS = [f"news-{number}" for number in range(40)]


@pytest.fixture
def cluster(server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = RedisCluster(server)
    yield cluster
    run(cluster.close())


async def has_channels(node: BusNode, channels: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(await resolve(node.bus.channels(APP, ""))) != channels:
            await asyncio.sleep(0.02)


async def deletions(redis: Redis) -> int:
    """How many fields Redis was told to delete: for a dead node its numbers in each partition, its counts, its
    claim."""
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_hdel", {"calls": 0})["calls"])


async def test_a_lease_is_renewed_long_before_it_ends(server: RedisServer) -> None:
    cluster = RedisCluster(server, lease_s=4)
    node = await cluster.node()
    session = node.bus._link._session
    async with server.client() as redis:
        end = await redis.zscore(KEYS.leases, node.name)
        async with asyncio.timeout(3):
            while await redis.zscore(KEYS.leases, node.name) == end:
                await asyncio.sleep(0.02)
    assert node.bus._link._session is session
    await cluster.close()


async def test_whose_lease_has_ended_begins_anew(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Others have removed what it held, or are about to: it reports that again."""
    cluster = RedisCluster(server, lease_s=60)
    here, there = await cluster.node(), await cluster.node()
    await here.enter("presence-x", ANN)
    session = here.bus._link._session
    async with server.client() as redis:
        await redis.zadd(KEYS.leases, {here.name: 1})
        leases = there.bus._link._session._leases
        leases._renew(leases._renewed)
        async with asyncio.timeout(DEADLINE_S):
            while await redis.zscore(KEYS.leases, here.name) is not None:
                await asyncio.sleep(0.02)
        await has_channels(there, 0)
    session._leases._renew(session._leases._renewed)
    await here.until(lambda: here.bus._link._session is not session and not here.bus.degraded)
    await has_channels(there, 1)
    assert await resolve(there.bus.members(APP, "presence-x")) == [ANN]
    reasons = [record.__dict__.get("reason") for record in caplog.records]
    assert "the lease had ended" in reasons
    await cluster.close()


async def test_one_process_does_it(server: RedisServer) -> None:
    cluster = RedisCluster(server, lease_s=60)
    dead, *others = [await cluster.node() for _ in range(6)]
    for channel in CHANNELS:
        await dead.enter(channel)
    await others[0].enter("presence-x", ANN)
    async with server.client() as redis:
        before = await deletions(redis)
        await cluster.kill(dead)
        await redis.zadd(Keys("revurb").leases, {dead.name: 1})  # its lease has ended, and all notice at once
        for node in others:
            leases = node.bus._link._session._leases
            leases._renew(leases._renewed)
        await has_channels(others[0], 1)
        while await redis.zcard(Keys("revurb").leases) != len(others):
            await asyncio.sleep(0.02)
        after = await deletions(redis)
        assert not await redis.exists(Keys("revurb").removal_claims)
    assert after - before == PARTITIONS + len(CHANNELS) + 1
    await cluster.close()


async def test_all_are_told_who_did_not_come_back(
    server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a name that no node can have is taken off the list."""
    cluster = RedisCluster(server, lease_s=60)
    dead, here, there = [await cluster.node() for _ in range(3)]
    told: list[object] = []
    monkeypatch.setattr(there.bus, "receive", told.extend)
    await cluster.kill(dead)
    async with server.client() as redis:
        await redis.zadd(KEYS.leases, {dead.name.encode(): 1, b"\xff": 1})
        leases = here.bus._link._session._leases
        leases._renew(leases._renewed)
        await there.until(lambda: m.NodeGone(dead.name) in told)
        names = [here.name.encode(), there.name.encode()]
        async with asyncio.timeout(DEADLINE_S):
            while sorted(await redis.zrange(KEYS.leases, 0, -1)) != names:
                await asyncio.sleep(0.02)
    gone = [record for record in caplog.records if "did not come back" in record.message]
    assert [(record.levelname, record.__dict__["node"]) for record in gone] == [("WARNING", dead.name)]
    assert here.bus.health.invalid == 1
    await cluster.close()


async def test_another_does_what_the_first_did_not_live_to_end(server: RedisServer) -> None:
    cluster = RedisCluster(server)
    dead, other = await cluster.node(), await cluster.node()
    await other.enter("presence-x")
    await dead.enter("presence-x", ANN)
    await other.until(lambda: other.texts("presence-x"))
    other.received.clear()
    async with server.client() as redis:  # somebody has claimed it, for two seconds
        await redis.hset(Keys("revurb").removal_claims, dead.name, str(int((time.time() + 2) * 1000)))
    await cluster.kill(dead)
    await other.until(lambda: other.texts("presence-x"))
    assert other.texts("presence-x") == [MEMBER_EVENTS.removed("presence-x", ANN)]
    assert await resolve(other.bus.members(APP, "presence-x")) == []
    await cluster.close()


@pytest.mark.parametrize("is_shared_app", [False, True], ids=["member", "connections"])
async def test_who_was_buried_alive_is_buried_again(cluster: RedisCluster, is_shared_app: bool) -> None:
    """Its lease has ended and what it held is removed; it takes somebody in, and dies before it notices."""
    here, there = await cluster.node(), await cluster.node()
    await here.enter("presence-x")
    await there.enter("presence-y", BOB)
    leases: Any = there.bus._link._session._leases
    await leases.stop()
    await has_channels(here, 1)
    await here.until(lambda: not leases._removing)
    if is_shared_app:
        assert await resolve(there.bus.admit(APP, 5))
    else:
        await there.enter("presence-x", ANN)
        await here.until(lambda: here.texts("presence-x") == [MEMBER_EVENTS.added("presence-x", ANN)])
    await cluster.kill(there)
    if is_shared_app:
        async with asyncio.timeout(DEADLINE_S):
            while await resolve(here.bus.connections(APP)):
                await asyncio.sleep(0.02)
    else:
        gone = MEMBER_EVENTS.removed("presence-x", ANN)
        await here.until(lambda: gone in here.texts("presence-x"))
        assert await resolve(here.bus.members(APP, "presence-x")) == []


async def test_whoever_holds_nothing_is_no_orphan(
    cluster: RedisCluster, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = await cluster.node(), await cluster.node()
    await here.enter("presence-x", ANN)
    async with server.client() as redis:
        await redis.sadd(KEYS.holders[5], "nobody", b"\xff")
        async with asyncio.timeout(DEADLINE_S):
            while await redis.smembers(KEYS.holders[5]):
                await asyncio.sleep(0.02)
        await there.bus.stop()
        cluster.nodes.remove(there)
    orphans = [record for record in caplog.records if "no lease" in record.message]
    assert {record.__dict__["node"] for record in orphans} == {"nobody"}
    assert len(await resolve(here.bus.members(APP, "presence-x"))) == 1


async def test_who_dies_while_it_removes_is_followed_by_the_next_and_all_is_told_once(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SPARING_SHARE", 0.001)
    monkeypatch.setattr(pace, "MAX_PAUSE_S", 0.01)
    cluster = RedisCluster(server, lease_s=60)
    dead, first, second, watching = [await cluster.node() for _ in range(4)]
    rooms = [f"presence-{number}" for number in range(40)]
    for room in rooms:
        await dead.enter(room, ANN)
        await watching.enter(room, BOB)
    first_leases, second_leases = (node.bus._link._session._leases for node in (first, second))
    await cluster.kill(dead)
    async with server.client() as redis:
        await redis.zadd(KEYS.leases, {dead.name: 1})
        first_leases._renew(first_leases._renewed)
        await watching.until(lambda: watching.received)
        claimed = await redis.hget(KEYS.removal_claims, dead.name)
        async with asyncio.timeout(DEADLINE_S):
            while await redis.hget(KEYS.removal_claims, dead.name) == claimed:
                first_leases._renew(first_leases._renewed)  # which prolongs the claim
                second_leases._renew(second_leases._renewed)
                await asyncio.sleep(0.005)
        assert not second_leases._removing, "one is enough"
        await cluster.kill(first)
        seen = len(watching.received)
        assert seen < len(rooms)
        await redis.hset(KEYS.removal_claims, dead.name, "1")  # the claim has ended
        second_leases._renew(second_leases._renewed)
        async with asyncio.timeout(DEADLINE_S):
            while await redis.zscore(KEYS.leases, dead.name) is not None:
                await asyncio.sleep(0.005)
        await watching.until(lambda: len(watching.received) >= len(rooms))
        await watching.publish(b"last", rooms[0])
        await texts_up_to(watching, b"last", rooms[0])
    expected = sorted((room, MEMBER_EVENTS.removed(room, ANN)) for room in rooms)
    assert sorted((channel, text) for channel, text, _ in watching.received if text != b"last") == expected
    await cluster.close()


async def test_in_all_partitions_of_a_cluster_is_looked_for_orphans_in_turn(cluster: RedisCluster) -> None:
    node = await cluster.node()
    leases = node.bus._link._session._leases
    leases._keys = Keys("revurb", CLUSTER_PARTITIONS)
    now_ms, looked_at = 1_800_000_000_123, list[str]()
    for turn in range(CLUSTER_PARTITIONS // PARTITIONS_AT_ONCE):
        leases._now_ms = now_ms + turn * leases._lease_ms // 2
        looked_at += leases._next_holders()
    assert sorted(looked_at) == sorted(leases._keys.holders)
    leases._keys = KEYS
    leases._now_ms = now_ms
    assert leases._next_holders() == KEYS.holders
