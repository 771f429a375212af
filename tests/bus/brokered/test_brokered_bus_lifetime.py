"""The start and the end of a node on the bus, and what it does now and then in between."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import brokered_bus, sliced_steps, subscriptions
from revurb.pusher.ports import ChannelState, EnterRequest, Member, PublishedEvent
from tests.bus.brokered.scripted_link import APP, Node

pytestmark = pytest.mark.usefixtures("unhurried_turns")

ANN = Member("ann", b'"ann"', b"null")


async def test_a_start_waits_for_the_broker_and_the_end_says_goodbye_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 60.0)
    node = Node(linked=False)
    assert node.bus.degraded == "scripted disconnected"
    starting = asyncio.ensure_future(node.bus.start())
    await asyncio.sleep(0)
    assert node.link.lifetime == ["started"]
    assert not starting.done()
    node.bus.linked()
    assert node.link.sent == [m.Hello("n1", "", {}, [], [], [])]
    node.bus.receive((m.Welcome("epoch", 0),))
    async with asyncio.timeout(5):
        await starting
    node.bus._subscriptions._counts._reported_at = asyncio.get_running_loop().time() + 1000
    node.bus.admit(APP, None)  # would be reported later
    node.link.is_full = True
    node.bus.filled()
    node.publish(b"waits for room")
    stopping = asyncio.ensure_future(node.bus.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    node.link.is_full = False
    node.bus.has_room()
    async with asyncio.timeout(5):
        await stopping
    assert [type(message) for message in node.link.sent] == [m.Hello, m.Publish, m.Goodbye]
    assert node.link.lifetime == ["started", "stopped"]
    node.bus._subscriptions._counts.report()
    assert isinstance(node.link.sent[-1], m.Goodbye)


async def test_questions_that_are_open_at_the_end_are_not_answered_from_a_state_that_is_over() -> None:
    node = Node()
    answer = asyncio.ensure_future(node.bus.connections(APP))
    [question] = [message for message in node.link.sent if isinstance(message, m.QueryConnections)]
    node.bus.receive((m.Refused(question.id),))
    await node.bus.stop()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not answer.done()
    answer.cancel()


async def test_a_tick_does_what_is_due_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "LINGER_S", 0.0)
    node = Node()
    node.enter()
    [question] = [message for message in node.link.sent if isinstance(message, m.Enter)]
    node.bus.receive((m.EnterReply(question.id, [], None),))
    node.bus.leave(APP, "news", None)
    node.bus.publish(PublishedEvent(APP, "cache-a", b"kept", cache_ttl_s=60))
    node.bus.publish(PublishedEvent(APP, "cache-b", b"not for long", cache_ttl_s=60))
    node.bus.publish(PublishedEvent(APP, "news", b"not kept"))
    cache = node.bus._cache
    assert [key for key, _ in cache.items()] == [(APP, "cache-a"), (APP, "cache-b")]
    node.link.sent.clear()
    node.bus.tick()
    assert node.link.sent == [m.Unsubscribe(APP, "news")]
    assert len(node.link.ticks) == 1
    monkeypatch.setattr(cache, "_clock", lambda: asyncio.get_running_loop().time() + 61)
    node.bus.tick()
    assert cache._apps == {}  # the texts are given back, not only passed over


async def test_what_the_link_cannot_read_is_counted_with_what_the_bus_cannot() -> None:
    node = Node()
    node.link.invalid_messages = 3
    answer = asyncio.ensure_future(node.bus.connections(APP))
    [question] = [message for message in node.link.sent if isinstance(message, m.QueryConnections)]
    node.bus.receive((m.QueryReply(question.id, msgspec.Raw(m.encode("many"))),))
    assert node.bus.health.invalid == 4
    answer.cancel()


async def test_a_connection_that_is_refused_or_over_is_counted_nowhere() -> None:
    node = Node()
    refused = node.bus.admit(APP, 1)
    assert isinstance(refused, asyncio.Future)
    [question] = [message for message in node.link.sent if isinstance(message, m.Admit)]
    node.bus.receive((m.QueryReply(question.id, msgspec.Raw(m.encode(False))),))
    assert await refused is False
    assert node.bus.local_view.connections(APP) == 0
    for _ in range(2):
        node.bus.admit(APP, None)
    node.bus.release(APP)
    assert node.bus.local_view.connections(APP) == 1
    node.bus._subscriptions._counts.report()
    assert node.link.sent[-1] == m.ConnectionCount(APP, 1, 1)


async def test_the_loss_of_the_broker_gives_the_nodes_own_clients_what_was_on_its_way() -> None:
    """Over Redis an event is accepted on one connection and comes back on another."""
    node = Node()
    node.enter()
    accepted = [node.bus.publish(PublishedEvent(APP, "news", text)) for text in (b"1", b"2", b"3")]
    node.hear(b"1", 1, of="n1")
    node.bus.receive((m.Accepted([1, 2], 0),))
    node.bus.unlinked()
    assert node.delivered == [b"1", b"2", b"3"]
    assert all(isinstance(each, asyncio.Future) and each.done() for each in accepted)
    node.link.sent.clear()
    node.bus.linked()
    assert node.published == [b"3"]
    node.hear(b"3", 3, of="n1")
    assert node.delivered == [b"1", b"2", b"3"]


async def test_what_was_not_accepted_is_sent_again_from_the_first_on() -> None:
    node = Node()
    for text in (b"1", b"2"):
        node.publish(text)
    node.bus.unlinked()
    node.link.sent.clear()
    node.bus.linked()
    assert node.published == [b"1", b"2"]


async def test_a_link_that_is_lost_while_it_is_full_is_sent_no_remains() -> None:
    node = Node()
    node.link.is_full = True
    node.bus.filled()
    node.publish(b"1")
    node.bus.unlinked()
    node.link.is_full = False
    node.bus.has_room()
    assert node.link.sent == []


async def test_a_link_that_is_lost_again_before_its_turn_came_is_not_greeted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sliced_steps, "SLICE_S", 0.0)
    node = Node()
    for number in range(5):
        node.publish(b"%d" % number)
    node.link.sent.clear()
    node.bus.unlinked()
    node.bus.linked()
    assert (
        node.bus.degraded == "scripted disconnected"
    )  # first its own clients get what they lack, whose order the broker would break
    node.bus.unlinked()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(node.delivered) == 5
    assert node.link.sent == []
    node.bus.linked()
    assert str(node.bus.degraded) == "None"
    assert len(node.published) == 5


async def test_a_broker_that_is_back_answers_those_who_are_not_let_in_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sliced_steps, "SLICE_S", 0.0)
    monkeypatch.setattr(brokered_bus, "BROKER_WAIT_S", 0.0)
    node = Node()
    node.bus.unlinked()
    for number in range(5):
        node.enter(f"c{number}")
    before = len(node.entered)
    assert before < 5
    node.bus.linked()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(node.entered) == before


async def test_a_message_of_a_broker_that_contradicts_itself_ends_nothing() -> None:
    node = Node()
    for text in (b"1", b"2"):
        node.publish(text)
    node.bus.receive((m.Accepted([2, 9, 1, 2], 0),))
    assert node.bus.health.waiting == 0


async def test_what_the_broker_asks_and_answers_finds_its_place() -> None:
    node = Node()
    node.enter()
    [enter] = [message for message in node.link.sent if isinstance(message, m.Enter)]
    node.bus.receive((m.EnterReply(enter.id, [], None),))
    asked = asyncio.ensure_future(node.bus.channels(APP, ""))
    [question] = [message for message in node.link.sent if isinstance(message, m.QueryChannels)]
    node.bus.receive((m.ChannelsReply(question.id, {"news": ChannelState(3, 0)}),))
    assert await asked == {"news": ChannelState(3, 0)}
    node.link.sent.clear()
    report = m.ChannelReport(APP, "news", 1, [])
    node.bus.receive((m.ReportRequest(APP, "news"),))
    assert node.link.sent == [m.Report(report)]
    entrusted = m.EntrustedMembers("n2", [m.ChannelReport(APP, "presence-x", 0, [ANN])])
    node.bus.receive((entrusted, m.Refused(9), m.Refused(8)))
    node.bus.unlinked()
    node.link.sent.clear()
    node.bus.linked()
    assert node.link.sent == [m.Hello("n1", "epoch", {}, [report], [], [], [entrusted])]
    node.bus.receive((m.Welcome("epoch", 0),))  # and gives it to somebody again
    node.bus.unlinked()
    node.link.sent.clear()
    node.bus.linked()
    assert node.link.sent == [m.Hello("n1", "epoch", {}, [report], [], [])]


async def test_a_new_node_begins_where_its_first_broker_is_and_goes_on_from_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    node = Node(linked=False)
    node.bus.linked()
    node.bus.receive((m.Welcome("epoch", 0),))
    assert caplog.records == []
    node.bus.enter(EnterRequest(APP, "presence-x", ANN, b"added", False), node.entered.append)
    [enter] = [message for message in node.link.sent if isinstance(message, m.Enter)]
    node.bus.receive((m.EnterReply(enter.id, [ANN], None),))
    node.bus.unlinked()
    node.bus.leave(APP, "presence-x", "ann")
    for departed in ([m.DepartedMember(APP, "presence-x", ANN, 1)], []):
        caplog.clear()
        node.link.sent.clear()
        node.bus.linked()
        assert node.link.sent == [m.Hello("n1", "epoch", {}, [], [], departed)]
        node.bus.receive((m.Welcome("epoch", 0),))
        assert [record.message for record in caplog.records] == ["the bus is back"]
        node.bus.unlinked()


async def test_a_node_says_which_broker_it_was_last_with() -> None:
    node = Node()
    for epoch in ("epoch", "another"):
        node.bus.unlinked()
        node.bus.linked()
        node.bus.receive((m.Welcome(epoch, 0),))
        node.bus.unlinked()
        node.link.sent.clear()
        node.bus.linked()
        [hello] = [message for message in node.link.sent if isinstance(message, m.Hello)]
        assert hello.epoch == epoch


async def test_what_comes_during_a_short_break_waits_for_its_end() -> None:
    """The broker has the order of all nodes: nobody gets an event before it is there."""
    node = Node()
    node.enter()
    [entering] = [message for message in node.link.sent if isinstance(message, m.Enter)]
    accepted = node.bus.publish(PublishedEvent(APP, "news", b"1"))
    assert isinstance(accepted, asyncio.Future)
    node.link.sent.clear()
    node.bus.relinked()
    assert [type(message) for message in node.link.sent] == [m.Hello, m.Publish, m.Enter]
    assert node.link.sent[2] == entering
    assert node.delivered == []
    assert not accepted.done()
    assert node.bus.degraded is None
    node.bus.receive((m.Welcome("epoch", 0), m.Accepted([1])))
    assert accepted.done()
