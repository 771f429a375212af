"""Questions of the bus are answered with what is in Redis, or refused where that cannot be used."""

from __future__ import annotations

import asyncio

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.ledger_answers import LedgerAnswers
from revurb.bus.redis.scripts import RedisScript
from revurb.bus.redis.session_tasks import SessionTasks
from revurb.pusher.ports import ChannelState, Member
from tests.bus.redis.ledgers import APP, KEYS, ledgers
from tests.redis_server import RedisServer

ANN = Member("ann", b'"ann"', b"null")


def failed(error: Exception) -> None:
    raise error


async def test_each_question_has_its_answer(server: RedisServer) -> None:
    async with ledgers(server) as made:
        made.of("n1").report_channel(APP, "presence-room", 2, [ANN], announce=False)
        made.of("n1").set_connections(APP, 3)
        received: list[m.FromBroker] = []
        tasks = SessionTasks(failed)
        answers = LedgerAnswers(made.queries, made.history, tasks, received.append)
        answers.answer(m.QueryChannels(1, APP, "pres"))
        answers.answer(m.QueryStates(2, APP, ["presence-room"]))
        answers.answer(m.QueryMembers(3, APP, "presence-room"))
        answers.answer(m.QueryConnections(4, APP))
        async with asyncio.timeout(10):
            while len(received) < 4:
                await asyncio.sleep(0.005)
        state = ChannelState(2, 1)
        by_id = {each.id: each for each in received if isinstance(each, m.QueryReply | m.ChannelsReply)}
        assert by_id[1] == m.ChannelsReply(1, {"presence-room": state})
        values = {id: reply.value for id, reply in by_id.items() if isinstance(reply, m.QueryReply)}
        assert m.read_states(values[2]) == [state]
        assert m.read_members(values[3]) == [ANN]
        assert m.read_count(values[4]) == 3


async def test_what_nobody_can_answer_is_refused(server: RedisServer) -> None:
    async with ledgers(server) as made:
        received: list[m.FromBroker] = []
        answers = LedgerAnswers(made.queries, made.history, SessionTasks(failed), received.append)
        made.scripts.count_connections = RedisScript(
            "return redis.call('HINCRBY', KEYS[1], '', 1)", "PUBLISH"
        )
        await made.commands.load()
        await made.redis.hset(KEYS.connections(APP), "", "many")
        answers.answer(m.QueryConnections(9, APP))
        async with asyncio.timeout(10):
            while not received:
                await asyncio.sleep(0.005)
        assert received == [m.Refused(9)]
        answers.reply(10, True)
        assert received[1] == m.QueryReply(10, msgspec.Raw(m.encode(True)))
