"""Questions to a broker that answers, is away for a moment, or stays away."""

import asyncio
from itertools import count
from types import SimpleNamespace

import msgspec
import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import broker_queries
from revurb.bus.brokered.broker_queries import BrokerQueries


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(m.encode(value))


class Asked:
    """Queries, and what was sent to the broker."""

    def __init__(self) -> None:
        self.sent: list[m.FromWorker] = []
        self.queries = BrokerQueries(self.sent.append)

    def connections(self) -> asyncio.Future[int]:
        id = self.queries.next_id()
        return self.queries.ask(m.QueryConnections(id, "app1"), id, m.read_count, lambda: -1)


async def test_a_reply_answers_its_question_only() -> None:
    asked = Asked()
    first, second = asked.connections(), asked.connections()
    asked.queries.on_reply(2, raw(7))
    assert await second == 7
    assert not first.done()
    asked.queries.on_reply(99, raw(1))
    asked.queries.on_reply(1, raw(5))
    assert await first == 5


async def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    """As the channels that a link has read already, which it may give for a question of before."""
    asked = Asked()
    cancelled, answer = asked.connections(), asked.connections()
    cancelled.cancel()
    for id in (1, 99, 2, 2):
        asked.queries.on_answer(id, 7)
    assert await answer == 7


async def test_a_reply_of_another_type_leaves_the_question_open() -> None:
    asked = Asked()
    answer = asked.connections()
    with pytest.raises(msgspec.MsgspecError):
        asked.queries.on_reply(1, raw("many"))
    assert not answer.done()
    asked.queries.on_reply(1, raw(3))
    assert await answer == 3


async def test_open_questions_are_sent_again() -> None:
    asked = Asked()
    asked.connections()
    asked.connections()
    asked.queries.on_reply(1, raw(1))
    asked.sent.clear()
    asked.sent += asked.queries.unanswered()
    assert asked.sent == [m.QueryConnections(2, "app1")]


async def test_without_a_broker_the_answer_is_local() -> None:
    asked = Asked()
    answer, cancelled = asked.connections(), asked.connections()
    cancelled.cancel()
    asked.queries.answer_locally()
    assert await answer == -1
    asked.queries.on_reply(1, raw(5))  # too late


async def test_local_answers_that_take_long_are_given_one_after_the_other() -> None:
    asked, running = Asked(), [0, 0]

    async def local_answer() -> int:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0)
        running[0] -= 1
        return 9

    queries = asked.queries
    answers = [
        queries.ask(m.QueryConnections(id, "app1"), id, m.read_count, local_answer)
        for id in (queries.next_id(), queries.next_id(), queries.next_id())
    ]
    queries.answer_locally()
    queries.on_refused(3)  # is being answered
    assert not answers[0].done()
    assert await asyncio.gather(*answers) == [9, 9, 9]
    assert running == [0, 1]


async def test_the_loop_has_turns_between_very_many_local_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_queries, "SLICE_S", 0.0)
    asked = Asked()
    answers = [asked.connections() for _ in range(10)]
    asked.queries.answer_locally()
    turns = 0
    async with asyncio.timeout(5):  # nobody sleeps
        while not answers[-1].done():
            turns += 1
            await asyncio.sleep(0)
    assert turns >= 10
    asked.connections()
    asked.queries.answer_locally()
    asked.queries.close()


async def test_local_answers_have_a_slice_of_each_turn_and_not_one_of_them_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = count()  # each look at the clock takes a second
    monkeypatch.setattr(broker_queries, "time", SimpleNamespace(perf_counter=lambda: float(next(now))))
    monkeypatch.setattr(broker_queries, "SLICE_S", 10.0)
    asked, turns = Asked(), 0
    answers = [asked.connections() for _ in range(100)]
    asked.queries.answer_locally()
    async with asyncio.timeout(5):
        while not answers[-1].done():
            turns += 1
            await asyncio.sleep(0)
    assert 5 <= turns <= 15


async def test_a_survey_ends_with_the_last_answer() -> None:
    asked = Asked()
    survey = asyncio.ensure_future(asked.queries.survey(b"?", 60))
    await asyncio.sleep(0)
    asked.queries.on_survey_result(1, b"a")  # may come before the number of nodes
    asked.queries.on_reply(1, raw(2))
    asked.queries.on_survey_result(1, b"b")
    assert await survey == [b"a", b"b"]
    asked.queries.on_survey_result(1, b"c")


async def test_a_survey_ends_at_its_deadline() -> None:
    asked = Asked()
    survey = asyncio.ensure_future(asked.queries.survey(b"?", 0.01))
    await asyncio.sleep(0)
    asked.queries.on_reply(1, raw(2))
    asked.queries.on_survey_result(1, b"a")
    assert await survey == [b"a"]


async def test_a_survey_that_the_broker_does_not_hear_of_asks_nobody() -> None:
    asked = Asked()
    survey = asyncio.ensure_future(asked.queries.survey(b"?", 60))
    await asyncio.sleep(0)
    asked.queries.answer_locally()
    async with asyncio.timeout(5):
        assert await survey == []


async def test_a_question_that_is_refused_is_answered_by_this_node() -> None:
    asked = Asked()
    first, second = asked.connections(), asked.connections()
    asked.queries.on_refused(1)
    asked.queries.on_refused(1)
    assert await first == -1
    assert not second.done()


async def test_more_answers_than_there_can_be_nodes_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_queries, "MAX_ANSWERS", 3)
    asked = Asked()
    survey = asyncio.create_task(asked.queries.survey(b"?", 0.05))
    await asyncio.sleep(0)
    for _ in range(10):
        asked.queries.on_survey_result(1, b"!")
    assert await survey == [b"!"] * 3
