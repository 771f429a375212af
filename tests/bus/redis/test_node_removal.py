"""Removing what a node holds, whatever else is in its way."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.redis import pace
from revurb.bus.redis.node_removal import CHANNELS_PER_SCRIPT, MEMBERS_PER_STEP
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, Member
from tests.bus.redis.ledgers import APP, KEYS, ledgers
from tests.redis_server import RedisClusterServers, RedisServer

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b'{"tab":1}')
BOB = Member("bob", b'"bob"', b"null")
TOPIC = KEYS.topic(APP, ROOM)


async def test_a_node_is_removed_with_everything_but_what_is_kept(server: RedisServer) -> None:
    async with ledgers(server) as made:
        one = made.of("n1")
        for channel in (ROOM, "presence-kept"):
            one.report_channel(APP, channel, 1, [ANN], announce=False)
        one.set_connections(APP, 5)
        await made.removal("n2").remove("n1", lambda key: key == (APP, "presence-kept"), entirely=True)
        assert set(await made.queries.channels(APP, "")) == {"presence-kept"}
        assert await made.queries.connections(APP) == 0
        assert await made.logged(ROOM) == [MEMBER_EVENTS.removed(ROOM, ANN)]


async def test_only_whoever_is_gone_for_good_loses_the_numbers_of_its_events(server: RedisServer) -> None:
    """A node that begins anew goes on counting, else its first events would be taken for old ones. One that is gone
    leaves no trace, not even where it holds nothing."""
    async with ledgers(server) as made:
        made.of("n1").set_count(APP, ROOM, 1)
        await made.commands.flush()
        await made.redis.hset(KEYS.seqs[7], mapping={"n1": 5, "n2": 6})
        await made.redis.sadd(KEYS.holders[7], "n1", "n2")
        await made.removal("n2").remove("n1", entirely=False)
        assert await made.queries.channels(APP, "") == {}
        assert await made.redis.hgetall(KEYS.seqs[7]) == {b"n1": b"5", b"n2": b"6"}
        assert await made.redis.smembers(KEYS.holders[7]) == {b"n1", b"n2"}
        await made.removal("n2").remove("n1", entirely=True)
        assert await made.redis.hgetall(KEYS.seqs[7]) == {b"n2": b"6"}
        assert await made.redis.smembers(KEYS.holders[7]) == {b"n2"}


async def test_many_channels_and_members_are_removed(server: RedisServer) -> None:
    names = [f"c{number}" for number in range(70 * CHANNELS_PER_SCRIPT)]
    members = [Member(str(number), b"%d" % number, b"null") for number in range(500)]
    async with ledgers(server) as made:
        dead, alive = made.of("n1"), made.of("n2")
        for name in names:
            dead.set_count(APP, name, 1)
        dead.report_channel(APP, ROOM, 500, members, announce=False)
        alive.report_channel(APP, ROOM, 1, [*members[:1], BOB], announce=False)
        alive.set_count(APP, names[0], 1)
        await made.removal("n2").remove("n1", entirely=True)
        assert await made.queries.channels(APP, "") == {
            ROOM: ChannelState(1, 2),
            names[0]: ChannelState(1),
        }
        assert len(await made.logged(ROOM)) == 499
        assert await made.redis.keys("*held:n1") == []
        assert await made.redis.smembers(KEYS.holders[TOPIC.partition]) == {b"n2"}


async def test_garbage_holds_no_removal_up(server: RedisServer) -> None:
    async with ledgers(server) as made:
        made.of("n1").report_channel(APP, ROOM, 1, [ANN], announce=False)
        made.of("n1").set_count(APP, "news", 1)
        await made.commands.flush()
        held = KEYS.node_topics(TOPIC.partition, "n1")
        await made.redis.sadd(held, b"\xff", "app1\x1fof-another-partition", "nonsense")
        await made.redis.hset(TOPIC.members, "bob", b"garbage")
        other = (TOPIC.partition + 1) % 64
        await made.redis.set(KEYS.node_topics(other, "n1"), "not a set")
        await made.redis.delete(KEYS.topic(APP, "news").counts)
        await made.redis.set(KEYS.topic(APP, "news").counts, "not a hash")
        await made.removal("n2").remove("n1", entirely=True)
        assert await made.logged(ROOM) == [MEMBER_EVENTS.removed(ROOM, ANN)]
        assert await made.queries.channels(APP, "") == {}
        assert not await made.redis.exists(held)
        assert await made.redis.keys("*holders*") == []
        assert made.invalid.count >= 4


async def test_a_channel_in_the_list_of_another_partition_is_not_looked_for_there(
    redis_cluster: RedisClusterServers,
) -> None:
    """In a Cluster the whole command would be refused, and the session end, again and again."""
    await redis_cluster.start()
    async with ledgers(redis_cluster) as made:
        made.of("n1").report_channel(APP, ROOM, 1, [ANN], announce=False)
        await made.commands.flush()
        other = KEYS.node_topics((TOPIC.partition + 1) % 64, "n1")
        await made.redis.sadd(other, TOPIC.id)
        await made.removal("n2").remove("n1", entirely=True)
        assert await made.queries.channels(APP, "") == {}
        assert not await made.redis.exists(other)
        assert made.invalid.count == 1


async def test_when_it_returns_everybody_finds_everything_removed(server: RedisServer) -> None:
    """Also what was in the way, and had to be repeated behind other commands: then the node's lease may end."""
    async with ledgers(server) as made:
        made.of("n1").report_channel(APP, ROOM, 1, [ANN], announce=False)
        await made.commands.flush()
        await made.redis.delete(TOPIC.counts)
        await made.redis.set(TOPIC.counts, "not a hash")
        await made.removal("n2").remove("n1", entirely=True)
        assert not await made.redis.exists(KEYS.occupied(TOPIC.partition, APP))


async def test_a_burial_removes_the_same_and_leaves_time_to_others(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SPARING_SHARE", 0.5)
    names = [f"c{number}" for number in range(3 * CHANNELS_PER_SCRIPT)]
    members = [Member(str(number), b"%d" % number, b"null") for number in range(500)]
    async with ledgers(server) as made:
        dead, alive = made.of("n1"), made.of("n2")
        for name in names:
            dead.set_count(APP, name, 1)
        dead.report_channel(APP, ROOM, 500, members, announce=False)
        dead.set_connections(APP, 9)
        alive.report_channel(APP, ROOM, 1, [BOB], announce=False)
        await made.commands.flush()
        burial = asyncio.create_task(made.removal("n2").bury("n1"))
        most = 0
        while not burial.done():
            most = max(most, made.commands.waiting)
            await asyncio.sleep(0)
        assert most <= MEMBERS_PER_STEP + 5, "the members of one step"
        assert await made.queries.channels(APP, "") == {ROOM: ChannelState(1, 1)}
        assert await made.queries.connections(APP) == 0
        assert len(await made.logged(ROOM)) == 500
        assert await made.redis.keys("*held:n1") == []
