"""What a node reports when a session begins replaces what the ledger has of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis import resync_barrier
from revurb.bus.redis.pace import MAX_COMMANDS_WAITING, Pace
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.resync_barrier import ResyncBarrier
from revurb.bus.redis.state_report import ReportedState, report_state
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelState, Member
from tests.bus.redis.ledgers import APP, Ledgers, ledgers
from tests.redis_server import RedisServer

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")
PART = m.StatePart(
    [m.ChannelReport(APP, ROOM, 2, [ANN, BOB]), m.ChannelReport(APP, "left", 1, [])],
    [m.CachedEventReport(APP, "cache-a", b"x", 60)],
    [m.DepartedMember(APP, ROOM, ANN)],
)
HELLO = m.Hello(  # in the end
    "n1",
    "e",
    {APP: 2},
    [m.ChannelReport(APP, ROOM, 1, [BOB]), m.ChannelReport(APP, "left", 0, [])],
    [],
    [],
)


async def report(
    made: Ledgers, ledger: RedisLedger, barrier: ResyncBarrier, *, is_new_redis: bool
) -> list[tuple[str, str]]:
    """Report; returns what was subscribed to."""
    subscribed: list[tuple[str, str]] = []
    state = ReportedState()
    state.add(PART)
    state.add(HELLO)
    await report_state(
        "n1",
        state,
        ledger,
        made.removal("n1"),
        barrier,
        Pace(made.commands),
        lambda app_id, channel: subscribed.append((app_id, channel)),
        is_new_redis=is_new_redis,
    )
    return subscribed


async def test_the_same_redis_is_brought_up_to_date(server: RedisServer) -> None:
    async with ledgers(server) as made:
        ledger = made.of("n1")
        ledger.report_channel(APP, ROOM, 1, [ANN], announce=False)
        for channel in ("news", "left"):
            ledger.report_channel(APP, channel, 1, [], announce=False)
        ledger.set_connections("app2", 1)
        subscribed = await report(made, ledger, ResyncBarrier(), is_new_redis=False)
        assert subscribed == [(APP, ROOM)]
        for _ in range(2):  # removing who is not there any more takes another round trip
            await made.commands.flush()
        found = await made.queries.channels(APP, "")
        assert found == {ROOM: ChannelState(1, 1)}
        assert await made.queries.connections(APP) == 2
        assert await made.queries.connections("app2") == 0
        [state] = await made.queries.states(APP, ["cache-a"])
        assert state.cached is not None
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
        ledger, barrier, waiting = made.of("n1"), ResyncBarrier(), list[Callable[[], None]]()
        barrier.close(lambda actions: waiting.extend(actions))
        await report(made, ledger, barrier, is_new_redis=True)
        assert await made.logged(ROOM) == []
        barrier._open()
        [announce] = waiting
        announce()
        assert await made.logged(ROOM) == [MEMBER_EVENTS.removed(ROOM, ANN)]
        barrier.reset()


MANY = range(2 * MAX_COMMANDS_WAITING)


@pytest.mark.parametrize(
    "part",
    [
        m.Hello("n1", "e", {f"app{number}": 1 for number in MANY}, [], [], []),
        m.StatePart([m.ChannelReport(APP, f"c{number}", 1, []) for number in MANY], [], []),
        m.StatePart([], [m.CachedEventReport(APP, f"cache-{number}", b"x", 60) for number in MANY], []),
        m.StatePart([], [], [m.DepartedMember(APP, ROOM, Member(f"{number}", b"1", b"")) for number in MANY]),
    ],
    ids=["connections", "channels", "cached", "departed"],
)
async def test_however_much_a_node_reports_redis_is_not_flooded(
    server: RedisServer, part: m.StatePart | m.Hello
) -> None:
    async with ledgers(server) as made:
        pace, most, state = Pace(made.commands), 0, ReportedState()
        state.add(part)
        took = made.commands.run_script

        def run_script(*args: Any, **more: Any) -> None:
            nonlocal most
            took(*args, **more)
            most = max(most, made.commands.waiting)

        made.commands.run_script = run_script  # type: ignore[method-assign]
        await report_state(
            "n1",
            state,
            made.of("n1"),
            made.removal("n1"),
            ResyncBarrier(),
            pace,
            lambda app_id, channel: None,
            is_new_redis=True,
        )
        assert MAX_COMMANDS_WAITING // 2 < most <= MAX_COMMANDS_WAITING
