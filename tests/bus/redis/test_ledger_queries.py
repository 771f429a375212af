"""Reading the ledger: all of it in slices, and without what cannot be used."""

from __future__ import annotations

import logging

import pytest

from revurb.bus.redis.ledger_queries import CHANNELS_PER_SCRIPT
from revurb.bus.redis.refusals import UnusableValue
from revurb.pusher.ports import ChannelState, Member
from tests.bus.redis.ledgers import APP, KEYS, ledgers
from tests.redis_server import RedisServer

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")
TOPIC = KEYS.topic(APP, ROOM)


async def test_many_channels_are_all_found(server: RedisServer) -> None:
    names = [f"c{number}" for number in range(3 * CHANNELS_PER_SCRIPT)]
    async with ledgers(server) as made:
        ledger = made.of("n1")
        for count, name in enumerate(names):
            ledger.set_count(APP, name, count + 1)
        ledger.report_channel(APP, ROOM, 1, [ANN], announce=False)
        found = await made.queries.channels(APP, "c")
        assert found == {name: ChannelState(count + 1) for count, name in enumerate(names)}
        states = await made.queries.states(APP, [ROOM, "none", *names])
        assert states == [ChannelState(1, 1), ChannelState(), *found.values()][:2] + [
            ChannelState(count + 1) for count in range(len(names))
        ]
        assert await made.queries.members(APP, ROOM) == [ANN]
        assert await made.queries.connections(APP) == 0


async def test_what_is_no_name_no_count_and_no_member_is_passed_over(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with ledgers(server) as made:
        made.of("n1").report_channel(APP, ROOM, 1, [ANN], announce=False)
        await made.commands.flush()
        await made.redis.sadd(KEYS.occupied(TOPIC.partition, APP), b"presence-\xff", "presence-x")
        await made.redis.hset(TOPIC.counts, "other", "garbage")
        await made.redis.hset(TOPIC.members, mapping={"bob": b"garbage", b"\xff": b"\x94\xc0\xc0\xc0\xc0"})
        await made.redis.set(KEYS.topic(APP, "presence-x").counts, "not a hash")
        await made.redis.hset(KEYS.connections(APP), "", "many")
        assert await made.queries.channels(APP, "presence") == {ROOM: ChannelState(1, 3)}
        assert await made.queries.members(APP, ROOM) == [ANN]
        assert await made.queries.connections(APP) == 0
    assert made.invalid.count == 5
    keys = {record.__dict__["key"] for record in caplog.records if record.levelno == logging.WARNING}
    assert keys == {
        KEYS.occupied(TOPIC.partition, APP),
        KEYS.topic(APP, "presence-x").counts,
        TOPIC.members,
        KEYS.connections(APP),
    }


async def test_a_key_of_another_type_is_moved_out_of_the_way(server: RedisServer) -> None:
    async with ledgers(server) as made:
        await made.redis.set(TOPIC.members, "not a hash")
        assert await made.queries.members(APP, ROOM) == []
        assert await made.redis.get(f"{TOPIC.members}:unusable") == b"not a hash"
        assert 0 < await made.redis.ttl(f"{TOPIC.members}:unusable") <= 86400
        assert made.invalid.count == 1


async def test_a_value_that_nothing_helps_against_is_an_error_of_one_question(server: RedisServer) -> None:
    async with ledgers(server) as made:
        await made.redis.hset("key", "field", "text")
        with pytest.raises(UnusableValue, match="not an integer"):
            await made.commands.ask("HINCRBY", "key", "field", 1)
        assert await made.queries.members(APP, ROOM) == []
