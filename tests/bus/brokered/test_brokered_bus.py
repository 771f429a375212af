"""A bus over a link that the test speaks for: what it sends, and what comes of what it is told. Its start and its end
are in `test_brokered_bus_lifetime.py`."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.pusher.ports import EnterRequest, Member, PublishedEvent
from tests.bus.brokered.scripted_link import APP, Node, ScriptedLink

pytestmark = pytest.mark.usefixtures("unhurried_turns")


async def test_what_is_published_while_the_link_is_full_is_sent_when_it_has_room() -> None:
    node = Node()
    node.publish(b"1")
    node.link.is_full = True
    node.bus.filled()
    node.bus.filled()  # says nothing new
    for text in (b"2", b"3"):
        node.publish(text)
    assert node.published == [b"1"]
    node.link.is_full = False
    node.bus.has_room()
    node.publish(b"4")
    assert node.published == [b"1", b"2", b"3", b"4"]


async def test_a_link_that_is_lost_starts_over_with_everything_that_is_not_accepted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = Node()
    for text in (b"1", b"2"):
        node.publish(text)
    node.bus.receive((m.Accepted([1], 0),))
    node.bus.unlinked()
    assert "disconnected" in str(node.bus.degraded)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    node.publish(b"3")
    assert node.delivered[-1] == b"3"  # its own clients have it at once
    node.link.sent.clear()
    node.bus.linked()
    assert str(node.bus.degraded) == "None"
    assert isinstance(node.link.sent[0], m.Hello)
    assert node.published == [b"2", b"3"]


async def test_a_publisher_waits_for_a_broker_that_is_there_and_for_no_other() -> None:
    node = Node()
    accepted = node.bus.publish(PublishedEvent(APP, "news", b"1"))
    assert isinstance(accepted, asyncio.Future)
    assert not accepted.done()
    node.bus.receive((m.Accepted([1], 0),))
    assert accepted.done()
    node.bus.unlinked()
    assert node.bus.publish(PublishedEvent(APP, "news", b"2")) is None


async def test_who_comes_while_the_broker_is_away_waits_for_it() -> None:
    node = Node()
    node.enter()
    [question] = [message for message in node.link.sent if isinstance(message, m.Enter)]
    node.bus.receive((m.EnterReply(question.id, [], None),))
    node.enter()  # the channel's events come already
    assert len(node.entered) == 2
    node.bus.unlinked()
    node.enter()
    assert len(node.entered) == 2
    node.link.sent.clear()
    node.bus.linked()
    node.bus.receive((m.Welcome("epoch", 0),))
    assert len([message for message in node.link.sent if isinstance(message, m.Enter)]) == 1


async def test_a_change_that_the_broker_confirms_is_kept_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedLink, "confirms_changes", True)
    node = Node()
    for name in ("ann", "bob"):
        member = Member(name, b'"%b"' % name.encode(), b"null")
        node.bus.enter(EnterRequest(APP, "presence-x", member, b"added", False), node.entered.append)
    first, second = (message.change for message in node.link.sent if isinstance(message, m.Enter))
    node.bus.enter(EnterRequest(APP, "presence-x", member, b"added", False), node.entered.append)
    changes = node.bus._subscriptions.changes
    assert changes.find(m.ADDED_MEMBERS, second + 1) is None  # Bob's second tab changes nothing
    ids = [message.id for message in node.link.sent if isinstance(message, m.Enter)]
    node.bus.receive(m.EnterReply(id, [], None) for id in ids)
    node.bus.receive((m.Accepted([first], m.ADDED_MEMBERS),))
    assert changes.pop(m.ADDED_MEMBERS, first) is None
    assert changes.pop(m.ADDED_MEMBERS, second) is not None


async def test_a_process_that_ends_without_its_broker_counts_what_others_never_get() -> None:
    node = Node()
    node.publish(b"1")
    node.bus.unlinked()
    node.publish(b"2")
    await node.bus.stop()
    assert node.bus.health.dropped == 2


async def test_a_connection_is_counted_by_the_broker_that_admits_it_or_by_a_report() -> None:
    node = Node()
    admitted = node.bus.admit(APP, 2)
    assert isinstance(admitted, asyncio.Future)
    [question] = [message for message in node.link.sent if isinstance(message, m.Admit)]
    node.bus.receive((m.QueryReply(question.id, msgspec.Raw(m.encode(True))),))
    assert await admitted
    node.link.sent.clear()
    node.bus._subscriptions._counts.report()
    assert node.link.sent == []
    assert node.bus.admit(APP, None) is True  # without a limit, nobody is asked
    node.bus._subscriptions._counts.report()
    assert node.link.sent == [m.ConnectionCount(APP, 1, 2)]


async def test_who_leaves_is_told_to_the_broker_and_a_survey_ends_with_its_last_answer() -> None:
    node = Node()
    ann = Member("ann", b'"ann"', b"null")
    node.bus.enter(EnterRequest(APP, "presence-x", ann, b"added", False), node.entered.append)
    node.bus.leave(APP, "presence-x", "ann")
    assert [message.member for message in node.link.sent if isinstance(message, m.Leave)] == [ann]
    survey = asyncio.ensure_future(node.bus.survey(b"?", 60))
    await asyncio.sleep(0)
    [question] = [message for message in node.link.sent if isinstance(message, m.StartSurvey)]
    node.bus.receive((m.SurveyResult(question.id, b"!"), m.QueryReply(question.id, msgspec.Raw(m.encode(1)))))
    async with asyncio.timeout(5):
        assert await survey == [b"!"]


async def test_nothing_of_who_comes_and_goes_is_sent_to_a_broker_that_is_away() -> None:
    node = Node()
    node.bus.unlinked()
    node.enter()
    node.bus.leave(APP, "news", None)
    node.bus.tick()
    await asyncio.sleep(0)
    assert not node.link.sent


async def test_missed_events_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    node = Node()
    node.bus.receive((m.EventsMissed(3),))
    node.bus.unlinked()
    node.bus.linked()
    node.bus.receive((m.Welcome("epoch", 4),))
    assert node.bus.health.missed == node.bus.missed == 7
    told = [record.__dict__["at_most"] for record in caplog.records if "at_most" in record.__dict__]
    assert told == [3, 4]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_who_cannot_be_counted_is_let_in() -> None:
    node = Node()
    node.enter()
    [question] = [message for message in node.link.sent if isinstance(message, m.Enter)]
    assert not node.entered
    node.bus.receive((m.Refused(question.id),))
    assert len(node.entered) == 1


async def test_a_question_that_is_refused_is_answered_by_this_node() -> None:
    node = Node()
    answer = asyncio.ensure_future(node.bus.connections(APP))
    [question] = [message for message in node.link.sent if isinstance(message, m.QueryConnections)]
    node.bus.receive((m.Refused(question.id),))
    assert await answer == 0


async def test_each_event_is_delivered_once_whoever_published_it() -> None:
    node = Node()
    node.publish(b"own")
    node.hear(b"own", 1, of="n1")
    node.hear(b"own", 1, of="n1")
    node.hear(b"theirs", 1)
    node.hear(b"theirs", 1)
    node.hear(b"another partition's", 1, partition=1)
    node.hear(b"the broker's", 0, of="")
    node.hear(b"the broker's", 0, of="")
    assert node.delivered == [
        b"own",
        b"theirs",
        b"another partition's",
        b"the broker's",
        b"the broker's",
    ]
    assert node.bus.received == 8 - 1
    node.bus.receive((m.NodeGone("n2"),))
    node.hear(b"of its successor", 1)
    assert node.delivered[-1] == b"of its successor"


async def test_another_node_is_not_forgotten_with_the_one_that_is_gone() -> None:
    node = Node()
    node.hear(b"theirs", 1, of="n3")
    node.bus.receive((m.NodeGone("n2"),))
    node.hear(b"theirs", 1, of="n3")
    assert node.delivered == [b"theirs"]


async def test_terminations_and_surveys_reach_the_receiver() -> None:
    node = Node()
    node.bus.receive(
        (
            m.BrokerEvent("n2", 1, APP, m.TERMINATIONS, b"ann", None),
            m.SurveyQuestion(7, b"abc"),
        )
    )
    assert node.terminated == ["ann"]
    assert not node.delivered
    assert node.link.sent == [m.SurveyReply(7, b"cba")]


async def test_a_reply_that_cannot_be_read_is_counted() -> None:
    node = Node()
    answer = asyncio.ensure_future(node.bus.connections(APP))
    [question] = [message for message in node.link.sent if isinstance(message, m.QueryConnections)]
    node.bus.receive((m.QueryReply(question.id, msgspec.Raw(m.encode("many"))),))
    assert node.bus.health.invalid == 1
    node.bus.receive((m.QueryReply(question.id, msgspec.Raw(m.encode(5))),))
    assert await answer == 5


async def test_a_start_without_a_broker_answers_from_this_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 0.01)
    node = Node(linked=False)
    asked = asyncio.ensure_future(node.bus.connections(APP))
    node.enter()
    await node.bus.start()
    assert not node.entered
    async with asyncio.timeout(5):
        while not node.entered:  # the loop's time is in ms: it may lack a part of one
            node.bus.tick()
            await asyncio.sleep(0)
    assert len(node.entered) == 1
    assert await asked == 0
    assert await node.bus.connections(APP) == 0  # later questions wait for nobody
    node.enter()
    assert len(node.entered) == 2  # nor do later subscribers
    survey = asyncio.ensure_future(node.bus.survey(b"?", 60))
    await asyncio.sleep(0)
    node.bus.tick()
    assert await survey == []
