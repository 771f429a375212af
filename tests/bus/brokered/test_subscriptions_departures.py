"""Who leaves, and comes, while the broker is away or before it knows: each is told of once."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, Member
from tests.bus.brokered.subscribed import ANN, APP, ROOM, Subscribed


async def test_a_member_that_leaves_meanwhile_is_reported_until_it_is_welcomed() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.disconnected()
    node.subscriptions.leave(APP, ROOM, "ann")
    for _ in range(2):
        hello = node.greet()
        assert (hello.channels, hello.departed) == ([], [m.DepartedMember(APP, ROOM, ANN, 1)])
    node.subscriptions.welcomed()
    assert node.greet().departed == []


async def test_member_events_that_were_told_here_are_not_taken_from_the_broker_again() -> None:
    node = Subscribed(confirms_changes=True)
    changes = node.subscriptions.changes
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.disconnected()
    node.enter(ROOM, Member("bob", b'"bob"', b"null"), isolated=True)
    node.subscriptions.leave(APP, ROOM, "ann")
    assert len(node.delivered) == 1  # she may still be there through another node
    for _ in range(2):
        list(node.subscriptions.confirm_locally())  # the broker stays away
    assert len(node.delivered) == 2
    assert not changes.claim_delivery(m.ADDED_MEMBERS, 2)
    assert not changes.claim_delivery(m.REMOVED_MEMBERS, 1)


async def test_a_departure_is_reported_until_the_broker_has_confirmed_it() -> None:
    node = Subscribed(confirms_changes=True)
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.leave(APP, ROOM, "ann")
    assert node.sent[-1] == m.Leave(APP, ROOM, 0, ANN, 1)
    node.subscriptions.disconnected()
    departed = [m.DepartedMember(APP, ROOM, ANN, 1)]
    assert node.greet().departed == departed
    node.subscriptions.welcomed()
    assert node.greet().departed == departed
    node.subscriptions.changes.pop(m.REMOVED_MEMBERS, 1)
    assert node.greet().departed == []


async def test_who_comes_and_goes_while_the_broker_is_away_leaves_nothing_behind() -> None:
    node = Subscribed(confirms_changes=True)
    node.subscriptions.disconnected()
    bob = Member("bob", b'"bob"', b"null")
    node.enter(ROOM, bob, isolated=True)
    for _ in range(100):
        node.enter("news", isolated=True)
        node.enter(ROOM, ANN, isolated=True)
        node.enter(ROOM, ANN, isolated=True)  # a second tab
        for user in ("ann", "ann", None):
            node.subscriptions.leave(APP, "news" if user is None else ROOM, user)
    assert len(node.entered) == 301
    assert len(node.delivered) == 201  # bob, and ann's coming and going
    assert len(node.subscriptions._pending) == 1
    assert node.greet().departed == []
    assert [enter.member for enter in node.sent if isinstance(enter, m.Enter)] == [bob]


async def test_before_the_first_broker_nothing_is_sent_and_who_has_left_by_then_is_not_told_of() -> None:
    node = Subscribed(was_linked=False)
    for channel in (ROOM, "presence-other"):
        node.enter(channel, ANN)
    node.confirm()
    node.enter(ROOM, ANN)
    node.subscriptions.connect(APP)
    node.confirm()
    for _ in range(2):
        node.subscriptions.leave(APP, ROOM, "ann")
    assert node.sent == []
    hello = node.greet()
    reports = [m.ChannelReport(APP, "presence-other", 1, [], ["ann"], is_new=True)]
    assert (hello.channels, hello.departed, hello.connections) == (reports, [], {APP: 1})
    assert [(each.channel, each.member) for each in node.sent if isinstance(each, m.Enter)] == [
        ("presence-other", ANN)
    ]
    node.sent.clear()
    node.subscriptions.report_before(m.QueryConnections(1, APP), lambda: None)  # the `Hello` has the counts
    assert node.sent == []


@pytest.mark.parametrize("confirms", [True, False])
async def test_who_leaves_is_kept_until_a_broker_that_confirms_it_has_done_so(confirms: bool) -> None:
    node = Subscribed(confirms_changes=confirms)
    node.subscriptions.welcomed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.leave(APP, ROOM, "ann")
    assert (node.subscriptions.changes.find(m.REMOVED_MEMBERS, 1) is not None) == confirms


async def test_who_leaves_before_the_broker_has_the_hello_is_reported_in_the_next() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.leave(APP, ROOM, "ann")
    node.subscriptions.disconnected()
    assert [each.member for each in node.greet().departed] == [ANN]
    node.subscriptions.welcomed()
    assert node.greet().departed == []
    assert node.delivered == []


async def test_the_last_one_who_leaves_meanwhile_is_not_told_to_nobody() -> None:
    node = Subscribed()
    node.enter(ROOM, ANN)
    node.subscriptions.on_enter_reply(1, ChannelSnapshot([ANN]))
    node.subscriptions.disconnected()
    node.subscriptions.leave(APP, ROOM, "ann")
    assert node.delivered == []


async def test_the_only_one_on_a_channel_who_comes_and_goes_meanwhile_leaves_nothing_behind() -> None:
    """Else others would be told that somebody left who was never there, and the node would keep all of them."""
    node = Subscribed(confirms_changes=True)
    node.subscriptions.disconnected()
    for _ in range(3):
        node.enter(ROOM, ANN, isolated=True)
        node.subscriptions.leave(APP, ROOM, "ann")
    assert len(node.delivered) == 3  # to ann, and to nobody afterwards
    changes = node.subscriptions.changes
    assert [changes.find(m.ADDED_MEMBERS, number) for number in (1, 2, 3)] == [None] * 3
    assert len(node.subscriptions._pending) == 0
    assert (node.greet().departed, node.sent) == ([], [])


async def test_the_subscribers_of_a_channel_are_told_of_its_members_once_the_broker_is_back() -> None:
    node = Subscribed(confirms_changes=True)
    node.subscriptions.disconnected()
    bob, eve = Member("bob", b'"bob"', b"null"), Member("eve", b'"eve"', b"null")
    node.enter(ROOM, ANN, isolated=True)
    node.enter(ROOM, bob, isolated=True)
    node.subscriptions.leave(APP, ROOM, "ann")  # who was told first
    node.greet()
    enters = [message for message in node.sent if isinstance(message, m.Enter)]
    assert [enter.member for enter in enters] == [None, bob]
    node.delivered.clear()
    node.subscriptions.on_enter_reply(enters[0].id, ChannelSnapshot([eve]))
    node.subscriptions.on_enter_reply(enters[1].id, ChannelSnapshot([eve, bob]))
    assert [event.text for event in node.delivered] == [MEMBER_EVENTS.added(ROOM, eve)]
