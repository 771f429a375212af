"""What a node's clients are subscribed to, and what of it is sent to the broker."""

from __future__ import annotations

import asyncio

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import subscriptions
from revurb.bus.brokered.subscriptions import LINGER_S
from revurb.pusher.ports import ChannelSnapshot, Member
from tests.bus.brokered.subscribed import ANN, APP, ROOM, Subscribed


async def test_only_the_first_subscriber_waits_for_the_broker() -> None:
    node = Subscribed()
    node.enter("news")
    assert node.sent == [m.Enter(1, APP, "news", 1, None, b"", False, False)]
    assert node.entered == []
    node.subscriptions.on_enter_reply(1, ChannelSnapshot())
    node.enter("news")
    assert len(node.entered) == 2
    assert [type(message) for message in node.sent] == [m.Enter]
    assert node.subscriptions.topics == 1
    node.subscriptions.report_before(m.QueryConnections(1, APP), lambda: None)
    assert node.sent[1:] == [m.SubscriberCount(APP, "news", 2)]


async def test_a_node_unsubscribes_a_while_after_the_last_subscriber() -> None:
    node, loop = Subscribed(), asyncio.get_running_loop()
    node.enter("news")
    node.subscriptions.on_enter_reply(1, ChannelSnapshot())
    node.sent.clear()
    node.subscriptions.tick(loop.time() + 10 * LINGER_S)
    assert node.sent == []  # there is a subscriber
    node.subscriptions.leave(APP, "news", None)
    node.subscriptions.tick(loop.time() + LINGER_S / 2)
    assert node.sent == []
    node.subscriptions.tick(loop.time() + LINGER_S)
    assert node.sent == [m.Unsubscribe(APP, "news")]
    assert node.subscriptions.topics == 0


async def test_an_isolated_node_lets_subscribers_in() -> None:
    node = Subscribed()
    node.subscriptions.disconnected()
    node.enter("news")
    assert node.entered == []
    node.enter("other", isolated=True)
    assert len(node.entered) == 2
    node.enter("third")
    node.confirm()
    assert len(node.entered) == 3


@pytest.mark.parametrize("confirms", [True, False])
async def test_with_the_reply_a_change_is_forgotten_that_is_not_confirmed_by_itself(confirms: bool) -> None:
    subscribed = Subscribed(confirms_changes=confirms)
    subscribed.enter(ROOM, ANN)
    [question] = [message for message in subscribed.sent if isinstance(message, m.Enter)]
    subscribed.subscriptions.on_enter_reply(question.id, ChannelSnapshot([ANN]))
    assert (subscribed.subscriptions.changes.find(m.ADDED_MEMBERS, 1) is not None) == confirms


async def test_with_the_reply_to_somebody_who_changes_nothing_no_change_is_forgotten() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.enter("news")
    node.subscriptions.on_enter_reply(2, ChannelSnapshot())
    assert node.subscriptions.changes.find(m.ADDED_MEMBERS, 1) is not None


async def test_everything_is_in_the_hello() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.connect(APP, is_known=True)
    hello = node.greet()
    assert hello == m.Hello("n1", "e", {APP: 1}, [m.ChannelReport(APP, ROOM, 1, [ANN])], [], [])


async def test_who_cannot_be_counted_is_let_in() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_refused(1)
    node.subscriptions.on_enter_refused(1)
    assert node.entered == [ChannelSnapshot([ANN], None)]
    assert node.subscriptions.topics == 1


async def test_what_the_broker_has_lost_is_reported_again() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot())
    node.sent.clear()
    node.subscriptions.on_request(m.ReportRequest(APP, "elsewhere"))
    node.subscriptions.on_request(m.ReportRequest(APP, ROOM))
    assert node.sent == [m.Report(m.ChannelReport(APP, ROOM, 1, [ANN]))]


async def test_very_many_channels_are_unsubscribed_from_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tick is enough: who makes up channels faster than ticks come would keep more and more of them here."""
    monkeypatch.setattr(subscriptions, "MAX_UNSUBSCRIBED", 10)
    monkeypatch.setattr(subscriptions, "LINGER_S", 0.0)
    node = Subscribed()
    for number in range(35):
        node.enter(str(number))
        node.subscriptions.on_enter_reply(number + 1, ChannelSnapshot())
        node.subscriptions.leave(APP, str(number), None)
    node.sent.clear()
    now = asyncio.get_running_loop().time()
    for _ in range(2):  # the second one comes before the rest
        node.subscriptions.tick(now)
        assert node.subscriptions.topics == 25
    async with asyncio.timeout(10):
        while node.subscriptions.topics:
            await asyncio.sleep(0.005)
    gone = [message.channel for message in node.sent if isinstance(message, m.Unsubscribe)]
    assert sorted(gone, key=int) == [str(number) for number in range(35)]


async def test_who_says_goodbye_leaves_no_more_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of the host may be closed by then."""
    monkeypatch.setattr(subscriptions, "MAX_UNSUBSCRIBED", 10)
    monkeypatch.setattr(subscriptions, "LINGER_S", 0.0)
    monkeypatch.setattr(subscriptions, "UNSUBSCRIBED_EVERY_S", 0.0)
    node = Subscribed()
    for number in range(35):
        node.enter(str(number))
        node.subscriptions.on_enter_reply(number + 1, ChannelSnapshot())
        node.subscriptions.leave(APP, str(number), None)
    node.subscriptions.tick(asyncio.get_running_loop().time())
    node.subscriptions.stop()
    for _ in range(10):
        await asyncio.sleep(0)
    assert node.subscriptions.topics == 25


async def test_a_greeting_in_parts_is_the_state_of_its_end() -> None:
    node = Subscribed()
    node.subscriptions.disconnected()
    for number in range(10_000):
        node.enter(f"c{number}")
        node.subscriptions.on_enter_reply(number + 1, ChannelSnapshot())
    messages = node.subscriptions.greet("n1", "e")
    first = next(messages)
    assert isinstance(first, m.StatePart)
    assert 1000 < len(first.channels) < 5000
    node.sent.clear()
    node.subscriptions.leave(APP, "c0", None)  # reported
    node.enter("c1")  # reported
    node.subscriptions.leave(APP, "c9999", None)  # not reported yet
    node.enter("new")
    assert node.sent == []  # the link is not for that yet
    *_, hello = messages
    assert isinstance(hello, m.Hello)
    changed = [(report.channel, report.count) for report in hello.channels[-2:]]
    assert changed == [("c0", 0), ("c1", 2)]
    assert "c9999" not in {report.channel for report in hello.channels}
    assert [enter.channel for enter in node.subscriptions.unsent_enters()] == ["c1", "new"]
    node.enter("c0")  # not subscribed to any more: the broker has to confirm it
    assert isinstance(node.sent[-1], m.Enter)


async def test_subscribers_are_sent_behind_those_that_wait() -> None:
    node = Subscribed()
    node.subscriptions.disconnected()
    node.enter(ROOM, ANN)
    list(node.subscriptions.greet("n1", "e"))
    node.sent.clear()
    unsent = node.subscriptions.unsent_enters()
    assert next(unsent).change == 1
    node.enter(ROOM, Member("bob", b'"bob"', b"null"))
    assert node.sent == []
    assert [enter.change for enter in unsent] == [2]
    node.enter(ROOM, Member("eve", b'"eve"', b"null"))
    assert isinstance(node.sent[-1], m.Enter)
    assert node.sent[-1].change == 3


async def test_who_was_not_let_in_is_counted_out_and_the_broker_told_how_many_there_are() -> None:
    node = Subscribed()
    node.enter("news")
    node.subscriptions.on_enter_reply(1, ChannelSnapshot())
    node.enter(ROOM, ANN)
    node.entered.clear()
    node.subscriptions.on_enter_reply(2, ChannelSnapshot(is_full=True))
    node.subscriptions.on_enter_reply(2, ChannelSnapshot(is_full=True))
    assert node.entered == [ChannelSnapshot(is_full=True)]
    assert node.subscriptions.changes.find(m.ADDED_MEMBERS, 1) is None
    async with asyncio.timeout(10):
        while node.sent[-1] != m.SubscriberCount(APP, ROOM, 0):
            await asyncio.sleep(0.005)
    assert [report.channel for report in node.greet().channels] == ["news"]


async def test_who_was_let_in_without_the_broker_stays_whatever_it_had_said() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.disconnected()
    node.confirm()
    node.subscriptions.on_enter_reply(1, ChannelSnapshot(is_full=True))
    assert [each.is_full for each in node.entered] == [False]
    node.sent.clear()
    node.greet()
    [enter] = node.sent
    assert isinstance(enter, m.Enter)
    assert (enter.member, enter.count, enter.max_members) == (ANN, 1, 0)
