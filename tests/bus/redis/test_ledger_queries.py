"""Each question of the bus is answered from the ledger."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.ledger_queries import run_query
from revurb.pusher.ports import ChannelState, Member
from tests.bus.redis.ledgers import APP, ledgers
from tests.redis_server import RedisServer

ROOM = "presence-room"
ANN = Member("ann", b'"ann"', b"null")


async def test_every_question_is_answered_under_its_id(server: RedisServer) -> None:
    answers: list[tuple[int, object]] = []
    async with ledgers(server) as made:
        ledger = made.of("n1")
        ledger.report_channel(APP, ROOM, 1, [ANN], announce=False)
        questions: list[m.FromWorker] = [
            m.Admit(1, APP, 1),
            m.Admit(2, APP, 1),
            m.QueryChannels(3, APP, "pres"),
            m.QueryStates(4, APP, ["none", ROOM]),
            m.QueryMembers(5, APP, ROOM),
            m.QueryConnections(6, APP),
            m.Unsubscribe(APP, ROOM),  # is none
        ]
        for question in questions:
            run_query(question, ledger, lambda id, answer: answers.append((id, answer)))
        for _ in range(2):  # the list of channels takes two round trips
            await made.commands.flush()
    assert sorted(answers, key=lambda each: each[0]) == [
        (1, True),
        (2, False),
        (3, {ROOM: ChannelState(1, 1)}),
        (4, [ChannelState(), ChannelState(1, 1)]),
        (5, [ANN]),
        (6, 1),
    ]
