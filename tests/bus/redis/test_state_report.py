"""What a node reports when a session begins replaces what the ledger has of it."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis import resync_barrier
from revurb.bus.redis.resync_barrier import ResyncBarrier
from revurb.bus.redis.state_report import report_state
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, Member
from tests.bus.redis.ledgers import APP, ledgers
from tests.redis_server import RedisServer

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")
HELLO = m.Hello(
    "n1",
    "e",
    0,
    {APP: 2},
    [m.ChannelReport(APP, ROOM, 1, [BOB])],
    [m.CachedEventReport(APP, "cache-a", b"x", 60)],
    [m.DepartedMember(APP, ROOM, ANN)],
)


async def test_the_same_redis_is_brought_up_to_date(server: RedisServer) -> None:
    async with ledgers(server) as made:
        ledger = made.of("n1")
        ledger.report_channel(APP, ROOM, 1, [ANN], announce=False)
        ledger.report_channel(APP, "news", 1, [], announce=False)
        report_state(HELLO, ledger, ResyncBarrier(), is_new_redis=False)
        for _ in range(3):  # removing what is not held any more takes several round trips
            await made.commands.flush()
        found = await made.answer(lambda done: ledger.channels(APP, "", done))
        assert found == {ROOM: ChannelState(1, 1)}
        assert await made.answer(lambda done: ledger.connections(APP, done)) == 2
        [state] = await made.answer(lambda done: ledger.states(APP, ["cache-a"], done))
        assert state.cached.text == b"x"
        assert set(await made.logged(ROOM)) == {
            MEMBER_EVENTS.added(ROOM, BOB),
            MEMBER_EVENTS.removed(ROOM, ANN),
        }


async def test_on_a_new_redis_only_who_left_is_announced_behind_the_barrier(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resync_barrier, "RESYNC_WAIT_S", 60)
    async with ledgers(server) as made:
        ledger, barrier = made.of("n1"), ResyncBarrier()
        barrier.close()
        report_state(HELLO, ledger, barrier, is_new_redis=True)
        assert await made.logged(ROOM) == []
        barrier._open()
        assert await made.logged(ROOM) == [MEMBER_EVENTS.removed(ROOM, ANN)]
        barrier.reset()
