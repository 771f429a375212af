"""The ledger's scripts on a real Redis."""

from __future__ import annotations

from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.refusals import UnusableValue
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import CachedEvent, ChannelState, Member
from tests.bus.redis.ledgers import APP, KEYS, ledgers
from tests.redis_server import RedisServer

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b'{"tab":1}')
BOB = Member("bob", b'"bob"', b"null")


def enter(member: Member | None, count: int = 1, channel: str = ROOM) -> m.Enter:
    added = b"" if member is None else MEMBER_EVENTS.added(channel, member)
    return m.Enter(1, APP, channel, count, member, added, True, True)


async def test_a_user_is_announced_once_and_leaves_with_the_last_node(server: RedisServer) -> None:
    async with ledgers(server) as made:
        one, two = made.of("n1"), made.of("n2")
        for ledger in (one, two, two):
            reply = await made.answer(lambda done, ledger=ledger: ledger.enter(enter(ANN), b"7", done))  # type: ignore[misc]
            _, answer = ledger.read_enter_reply(enter(ANN), reply)
            assert answer == m.EnterReply(1, [ANN], None)
        one.leave(APP, ROOM, ANN, 0)
        assert await made.logged(ROOM) == [MEMBER_EVENTS.added(ROOM, ANN)]
        two.leave(APP, ROOM, ANN, 0)
        assert await made.logged(ROOM) == [MEMBER_EVENTS.added(ROOM, ANN), MEMBER_EVENTS.removed(ROOM, ANN)]
        assert [event.text for event in made.published] == await made.logged(ROOM)
        for what in ("members", "held", "holders"):
            assert await made.redis.keys(f"*{what}*") == []


async def test_states_are_those_of_all_nodes(server: RedisServer) -> None:
    async with ledgers(server) as made:
        one, two = made.of("n1"), made.of("n2")
        one.set_count(APP, "news", 3)
        two.set_count(APP, "news", 2)
        two.cache_event(APP, "news", b"x", 60)
        two.cache_event(APP, "news", b"older", 30)
        [state, empty] = await made.queries.states(APP, ["news", "none"])
        assert state.cached is not None
        assert state == ChannelState(5, 0, CachedEvent(b"x", state.cached.ttl_s))
        assert 59 <= state.cached.ttl_s <= 60
        assert empty == ChannelState()
        assert await made.queries.states(APP, []) == []
        assert set(await made.queries.channels(APP, "ne")) == {"news"}
        assert await made.queries.channels(APP, "x") == {}


async def test_connections_are_limited_over_all_nodes(server: RedisServer) -> None:
    async with ledgers(server) as made:
        one, two = made.of("n1"), made.of("n2")

        async def lend(ledger: RedisLedger, count: int, limit: int, wanted: int) -> list[int]:
            def fail(error: UnusableValue) -> None:
                raise error

            return list(
                await made.answer(
                    lambda done: ledger.lend_places(APP, count, limit, wanted, 2000, done, fail)
                )
            )

        async def stored() -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
            connections: Any = await made.redis.hgetall(KEYS.connections(APP))
            spare: Any = await made.redis.hgetall(KEYS.spare(APP))
            return connections, spare

        one.set_connections(APP, 20)
        assert await lend(two, 0, 100, 3) == [40, 0, 0], "half of what is free, as the only other node"
        assert await stored() == ({b"": b"23", b"n1": b"20", b"n2": b"3"}, {b"": b"37", b"n2": b"37"})
        assert await lend(two, 3, 100, 50) == [50, 0, 0], "what was spare is given back"
        assert await lend(one, 20, 100, 50) == [27, 0, 1], "nobody listens who could give something back"
        assert await stored() == ({b"": b"100", b"n1": b"47", b"n2": b"53"}, {})
        assert await lend(two, 53, 100, 1) == [0, 0, 1]
        assert await lend(two, 53, 90, 1) == [0, 0, 1], "nor if the limit is lower than what is there"
        one.set_connections(APP, 40, spare=5)
        assert await lend(two, 53, 100, 1) == [1, 0, 1], "one by one until much is free"
        two.set_connections(APP, 10)
        assert await lend(two, 10, 100, 1) == [11, 0, 0]
        assert await made.queries.connections(APP) == 51
        await made.redis.hset(KEYS.recall(APP), mapping={"round": "9999999999999999", "left": "3"})
        assert await lend(two, 10, 56, 2) == [1, 0, 1], "nobody waits for a recall that somebody made up"
        one.set_connections(APP, 0)
        two.set_connections(APP, 0)
        await made.redis.delete(KEYS.recall(APP))
        assert await made.queries.connections(APP) == 0
        assert not await made.redis.exists(KEYS.connections(APP), KEYS.spare(APP), KEYS.recall(APP))


async def test_a_departed_member_is_announced_unless_another_node_has_it(server: RedisServer) -> None:
    async with ledgers(server) as made:
        made.of("n1").report_channel(APP, ROOM, 1, [ANN], announce=False)
        for member in (ANN, BOB):
            made.of("n2").announce_departed(APP, ROOM, member)
        assert await made.logged(ROOM) == [MEMBER_EVENTS.removed(ROOM, BOB)]
