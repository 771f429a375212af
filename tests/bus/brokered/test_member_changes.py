"""The member events that a node causes, until the broker has confirmed them."""

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")


def test_each_kind_has_its_own_numbers() -> None:
    changes = MemberChanges(MEMBER_EVENTS.removed)
    assert [changes.add(APP, ROOM, ANN, b"added") for _ in range(2)] == [1, 2]
    assert changes.remove(APP, ROOM, ANN) == 1
    change = changes.pop(m.ADDED_MEMBERS, 2)
    assert change is not None
    assert change.event == PublishedEvent(APP, ROOM, b"added")
    assert changes.pop(m.ADDED_MEMBERS, 2) is None
    assert changes.find(m.ADDED_MEMBERS, 1) is not None


def test_who_has_left_is_reported_until_that_is_confirmed() -> None:
    changes = MemberChanges(MEMBER_EVENTS.removed)
    changes.add(APP, ROOM, ANN, b"added")
    changes.remove(APP, ROOM, ANN)
    assert list(changes.departed()) == [m.DepartedMember(APP, ROOM, ANN, 1)]
    changes.pop(m.REMOVED_MEMBERS, 1)
    assert list(changes.departed()) == []
    changes.remove(APP, ROOM, ANN)
    changes.forget_departed()
    assert list(changes.departed()) == []


def test_an_event_is_delivered_once() -> None:
    changes = MemberChanges(MEMBER_EVENTS.removed)
    assert changes.claim_delivery(m.ADDED_MEMBERS, 1)
    assert changes.claim_delivery(m.REMOVED_MEMBERS, 1)
    assert not changes.claim_delivery(m.ADDED_MEMBERS, 1)
    assert changes.claim_delivery(m.ADDED_MEMBERS, 3)
    assert not changes.claim_delivery(m.ADDED_MEMBERS, 2)


def test_a_brokers_own_events_are_not_among_them() -> None:
    changes = MemberChanges(MEMBER_EVENTS.removed)
    assert changes.pop(m.BROKER_EVENTS, 1) is None
