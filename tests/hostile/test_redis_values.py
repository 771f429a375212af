"""What somebody else writes into our Redis: counted, logged with its key, and of concern to at most its own channel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from revurb.bus.redis.envelope import pack
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, Keys, partition_of, topic_of, type_of
from revurb.bus.redis.redis_link import RedisLink
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, Member, PublishedEvent
from tests.bus.engines import APP, DEADLINE_S, BusNode, resolve
from tests.bus.redis_engines import RedisCluster
from tests.conftest import Need, Run
from tests.redis_server import RedisClusterServers, RedisServer

KEYS = Keys("revurb")
ROOM = "presence-room"
TOPIC = KEYS.topic(APP, ROOM)
P = TOPIC.partition
SAME = next(name for name in map(str, range(1000)) if partition_of(APP, name) == P)  # in ROOM's partition
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")
NOT_UTF8 = bytes.fromhex("94a1ffa17800c400")
NEVER = b"99999999999999-0\n"


@pytest.fixture
def server(need: Need, tmp_path: Path) -> RedisServer:
    return RedisServer(need("redis-server"), tmp_path)


@pytest.fixture
def cluster(server: RedisServer, run: Run) -> Iterator[RedisCluster]:
    cluster = RedisCluster(server, lease_s=1, heartbeat_s=0.1)
    yield cluster
    run(cluster.close())


class Room:
    """Two nodes with a member each in ROOM, on whose partition SAME is, too."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster

    async def open(self) -> None:
        self.here, self.there = await self._cluster.node(), await self._cluster.node()
        await self.here.enter(ROOM, ANN)
        await self.there.enter(ROOM, BOB)
        await self.there.enter(SAME)
        await resolve(self.there.bus.admit(APP, 100))

    async def carries(self, *channels: str, text: bytes = b"after") -> None:
        """Events of `here` reach `there`."""
        for channel in channels:
            await self.here.publish(text, channel)
            await self.there.until(lambda channel=channel: text in self.there.texts(channel))  # type: ignore[misc]

    async def works(self, text: bytes) -> None:
        """Everything that clients and the API ask for, and what nodes do by themselves."""
        await self.carries(ROOM, SAME, text=text)
        await self.here.enter(ROOM, ANN, want_cached=True)
        async with asyncio.timeout(DEADLINE_S):
            while ANN not in await resolve(self.there.bus.members(APP, ROOM)):
                await asyncio.sleep(0.02)
            while ROOM not in await resolve(self.here.bus.channels(APP, "")):
                await asyncio.sleep(0.02)
            assert await resolve(self.there.bus.admit(APP, 100))
            for node in (self.here, self.there):
                await node.until(lambda node=node: not node.bus.degraded)  # type: ignore[misc]
                leases: Any = self.link(node)._session._leases  # type: ignore[union-attr]
                leases._renew(leases._renewed)
        await self.carries(ROOM, SAME, text=text + b" renewed")

    def link(self, node: BusNode) -> RedisLink:
        link: Any = node.bus._link
        assert isinstance(link, RedisLink)
        return link

    @property
    def found(self) -> int:
        return self.link(self.here).invalid_messages + self.link(self.there).invalid_messages


@pytest.fixture
def room(cluster: RedisCluster, run: Run) -> Room:
    room = Room(cluster)
    run(room.open())
    return room


def logged_keys(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {str(record.__dict__["key"]) for record in caplog.records if "key" in record.__dict__}


def ended_sessions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.__dict__["reason"]
        for record in caplog.records
        if record.name == "revurb.bus.redis.redis_link" and record.levelno >= logging.WARNING
    ]


@pytest.mark.parametrize("data", [NOT_UTF8, b"\xff", b"\x94" * 100_000], ids=["text", "byte", "depth"])
async def test_no_bytes_end_the_listener(
    room: Room, server: RedisServer, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    async with server.client() as redis:
        channels = await redis.pubsub_channels("revurb:*")
        for channel in channels:
            for number, prefix in enumerate((b"", b"5-0\n", NEVER)):
                await redis.publish(channel, prefix + data + b"%d" % number)
    await room.carries(ROOM, SAME)
    assert len(await resolve(room.here.bus.survey(b"who?", 5))) == 2
    assert ended_sessions(caplog) == []
    assert room.found > len(channels)
    assert KEYS.all_nodes in logged_keys(caplog)


async def test_a_position_far_in_the_future_mutes_nobody(
    room: Room, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    false = NEVER + pack("somebody", 1, PublishedEvent(APP, ROOM, b"false"))
    async with server.client() as redis:
        await redis.publish(TOPIC.channel, false)
        seconds, _ = await redis.time()
        near = b"%d-0\n" % ((seconds + 10) * 1000)  # not too far for a clock that is not quite right
        other = pack("somebody", 2, PublishedEvent(APP, ROOM, b"near"))
        await redis.publish(TOPIC.channel, near + other)
        await redis.publish(KEYS.topic(APP, SAME).channel, near + other)  # on another channel
        tails = b" ".join([b"%d" % (seconds * 1000), *[b"99999999999999-0"] * 64])
        for number in range(1, 100):
            await redis.publish(KEYS.nodes_heartbeat(room.there.name), b"%d " % number + tails)
    await room.carries(SAME)
    assert b"false" not in room.there.texts(ROOM)
    assert room.there.texts(SAME) == [b"after"]
    assert {TOPIC.channel, KEYS.topic(APP, SAME).channel} <= logged_keys(caplog)
    assert ended_sessions(caplog) == []


async def test_an_entry_of_the_log_from_far_in_the_future(room: Room, server: RedisServer) -> None:
    """Redis numbers what follows from there on: the nodes begin again, and have everything."""
    async with server.client() as redis:
        await redis.xadd(KEYS.logs[P], {"e": b"x"}, id="99999999999999-0")
    for number in range(3):
        await room.here.publish(b"%d" % number, SAME)
    await room.there.until(lambda: room.there.texts(SAME) == [b"0", b"1", b"2"])
    assert room.there.bus.missed == 0


async def put_another_type(redis: Redis, key: str) -> None:
    """A list in place of a string, a string in place of everything else."""
    await redis.delete(key)
    if type_of(key) == "string":
        await redis.rpush(key, "x")
    else:
        await redis.set(key, "x")


@pytest.mark.parametrize(
    "key",
    [
        TOPIC.counts, TOPIC.members, TOPIC.cached, KEYS.logs[P], KEYS.seqs[P], KEYS.occupied(P, APP),
        KEYS.holders[P], KEYS.node_topics(P, "node0"), KEYS.connections(APP), KEYS.leases, KEYS.removal_claims,
        KEYS.epoch, KEYS.orphan_check, KEYS.partition_count, KEYS.spare(APP), KEYS.recall(APP),
        KEYS.count_demand(APP, "").asked, KEYS.count_demand(APP, ROOM).asked,
    ],
    ids=lambda key: key.split(":")[2],
)  # fmt: skip
async def test_a_key_of_the_wrong_type(
    room: Room, server: RedisServer, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    async with server.client() as redis:
        await put_another_type(redis, key)
    ended = []
    for number in range(6):
        await room.works(text=b"%d" % number)
        ended.append(len(ended_sessions(caplog)))
    assert ended[-1] == ended[-2] == ended[-3] <= 4, "the nodes come and go"
    if topic_of(key) is not None:
        assert ended[-1] == 0, "one channel concerns all others"
    if key != KEYS.epoch:  # without which the log is read from its beginning
        assert MEMBER_EVENTS.added(ROOM, BOB) not in room.there.texts(ROOM), (
            "who was there all along has come"
        )
    if key not in (
        KEYS.orphan_check,
        KEYS.holders[P],
        KEYS.removal_claims,
        KEYS.count_demand(APP, "").asked,
        KEYS.count_demand(APP, ROOM).asked,
    ):  # which nobody needed in this time
        assert key in logged_keys(caplog)


async def test_a_log_that_takes_no_more(
    room: Room, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with server.client() as redis:
        await redis.xadd(KEYS.logs[P], {"e": b"x"}, id="18446744073709551615-18446744073709551615")
    await room.works(text=b"1")
    await room.works(text=b"2")
    assert KEYS.logs[P] in logged_keys(caplog)


async def test_garbage_in_the_ledger_hangs_nobody(
    room: Room, cluster: RedisCluster, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with server.client() as redis, asyncio.timeout(DEADLINE_S):
        await redis.hset(TOPIC.members, mapping={"eve": b"garbage", b"\xff": b"\x93\x01\x02\x03"})
        await redis.sadd(KEYS.occupied(P, APP), b"presence-\xff")
        await redis.sadd(KEYS.node_topics(P, "node1"), b"\xff")
        await redis.zadd(KEYS.leases, {b"\xff": 1})
        await redis.hset(KEYS.removal_claims, "node1", "garbage")
        await redis.hset(TOPIC.counts, "node7", "garbage")
        assert await resolve(room.here.bus.members(APP, ROOM)) == [ANN, BOB]
        assert (await resolve(room.here.bus.channels(APP, "")))[ROOM] == ChannelState(2, 4)
        assert list((await room.here.enter(ROOM, ANN)).members) == [ANN, BOB]
        await cluster.kill(room.there)
        await room.here.until(lambda: MEMBER_EVENTS.removed(ROOM, BOB) in room.here.texts(ROOM))
        while await redis.zcard(KEYS.leases) > 1:
            await asyncio.sleep(0.02)
    assert {TOPIC.members, KEYS.occupied(P, APP), KEYS.leases} <= logged_keys(caplog)
    assert ended_sessions(caplog) == []


@pytest.mark.parametrize(
    "key", [KEYS.removal_claims, KEYS.holders[P], TOPIC.counts], ids=lambda key: key.split(":")[2]
)
async def test_a_dead_node_is_removed_whatever_is_in_the_way(
    room: Room, cluster: RedisCluster, server: RedisServer, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    await cluster.kill(room.there)
    async with server.client() as redis:
        await put_another_type(redis, key)
        await room.here.until(lambda: MEMBER_EVENTS.removed(ROOM, BOB) in room.here.texts(ROOM))
        async with asyncio.timeout(DEADLINE_S):
            while await redis.zcard(KEYS.leases) > 1:
                await asyncio.sleep(0.02)
        assert set(await resolve(room.here.bus.channels(APP, ""))) == {ROOM}
    assert key in logged_keys(caplog)


async def test_keys_of_the_wrong_type_in_a_cluster(
    need: Need, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each key is on the server of its partition, and so is where it is moved to."""
    servers = RedisClusterServers(need("redis-server"), need("redis-cli"), tmp_path)
    cluster = RedisCluster(servers, lease_s=2)
    try:
        room = Room(cluster)
        await room.open()
        names = Keys("revurb", CLUSTER_PARTITIONS)
        topic = names.topic(APP, ROOM)
        number = topic.partition
        keys = (topic.counts, topic.members, names.logs[number], names.occupied(number, APP), names.leases)
        async with servers.client() as redis:
            for key in keys:
                await redis.delete(key)
                await redis.set(key, "x")
        for number in range(3):
            await room.works(text=b"%d" % number)
        async with asyncio.timeout(DEADLINE_S), servers.client() as redis:
            for key in keys:
                # The nodes begin new sessions meanwhile: one that ends in that moment may not come to say it.
                while key not in logged_keys(caplog) and not await redis.exists(f"{key}:unusable"):
                    await asyncio.sleep(0.01)
        assert logged_keys(caplog) & set(keys)
        await cluster.kill(room.there)
        await room.here.until(lambda: MEMBER_EVENTS.removed(ROOM, BOB) in room.here.texts(ROOM))
    finally:
        await cluster.close()
