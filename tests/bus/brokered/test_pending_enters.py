"""Subscribers that wait for the broker, or were let in without it."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.bus.brokered.pending_enters import PendingEnter, PendingEnters
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, PublishedEvent

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")


class Waiting:
    """Pending subscribers, with what was sent to the broker and delivered to this node's subscribers."""

    def __init__(self) -> None:
        self.state = LocalState()
        self.sent: list[m.FromWorker] = []
        self.delivered: list[PublishedEvent] = []
        self.entered: list[ChannelSnapshot] = []
        self.cache = EventCache(lambda: 0.0)
        self.changes = MemberChanges(MEMBER_EVENTS.removed)
        self.undone: list[PendingEnter] = []
        self.enters = PendingEnters(
            self.state,
            self.cache,
            MEMBER_EVENTS,
            self.changes,
            self.sent.append,
            self.delivered.append,
            self.undone.append,
        )

    def enter(self, id: int, member: Member) -> PendingEnter:
        channel = self.state.open(APP, ROOM)
        channel.count += 1
        channel.join(member)
        request = EnterRequest(APP, ROOM, member, MEMBER_EVENTS.added(ROOM, member), False)
        change = self.changes.add(APP, ROOM, member, request.added)
        pending = PendingEnter(request, member, self.entered.append, change)
        self.enters.add(id, pending)
        return pending


def test_the_broker_is_asked_with_the_count_and_the_new_member() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    waiting.enters.ask(1)
    added = MEMBER_EVENTS.added(ROOM, ANN)
    assert waiting.sent == [m.Enter(1, APP, ROOM, 1, ANN, added, True, False, 1)]
    assert waiting.enters.is_entering((APP, ROOM, "ann"))
    assert not waiting.enters.is_entering((APP, ROOM, "bob"))
    assert waiting.enters.pop(1) is not None
    assert not waiting.enters.is_entering((APP, ROOM, "ann"))
    assert waiting.enters.pop(1) is None


def test_without_the_broker_subscribers_get_what_is_known_here() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    list(waiting.enters.confirm_all_locally())
    list(waiting.enters.confirm_all_locally())  # a second time lets nobody in again
    assert waiting.entered == [ChannelSnapshot([ANN])]
    assert [event.text for event in waiting.delivered] == [MEMBER_EVENTS.added(ROOM, ANN)]


def test_one_subscriber_is_let_in_at_each_step() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    waiting.enter(2, ANN)
    steps = waiting.enters.confirm_all_locally()
    next(steps)
    assert len(waiting.entered) == 1
    waiting.enter(3, BOB)
    assert len(list(steps)) == 2
    assert len(waiting.entered) == 3


def test_members_that_a_subscriber_was_not_told_of_are_announced_later() -> None:
    waiting = Waiting()
    pending = waiting.enter(1, ANN)
    list(waiting.enters.confirm_all_locally())
    waiting.delivered.clear()
    waiting.sent += waiting.enters.unsent()
    assert len(waiting.sent) == 1
    waiting.enters.announce_missing(pending, ChannelSnapshot([ANN, BOB]))
    assert [event.text for event in waiting.delivered] == [MEMBER_EVENTS.added(ROOM, BOB)]


def test_who_leaves_before_a_broker_could_know_leaves_nothing_behind() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    pending = waiting.enter(2, BOB)
    list(waiting.enters.confirm_all_locally())
    assert waiting.enters.withdraw((APP, ROOM, "bob"))
    assert waiting.changes.find(m.ADDED_MEMBERS, pending.change) is None
    assert waiting.changes.find(m.ADDED_MEMBERS, 1) is not None
    assert len(waiting.enters) == 1


def test_of_who_leaves_when_the_broker_may_know_it_the_arrival_is_still_to_be_confirmed() -> None:
    waiting = Waiting()
    pending = waiting.enter(1, ANN)
    waiting.enters.ask(1)
    list(waiting.enters.confirm_all_locally())
    assert not waiting.enters.withdraw((APP, ROOM, "ann"))
    assert waiting.changes.find(m.ADDED_MEMBERS, pending.change) is not None


def test_the_first_who_leaves_is_kept_for_those_who_may_have_to_be_told_of_members() -> None:
    for was_sent in (False, True):
        waiting = Waiting()
        pending = waiting.enter(1, ANN)
        if was_sent:
            waiting.enters.ask(1)
        list(waiting.enters.confirm_all_locally())
        assert waiting.enters.withdraw((APP, ROOM, "ann")) != was_sent
        assert waiting.enters.is_entering((APP, ROOM, "ann")) == was_sent
        assert (pending.new_member is not None) == was_sent
        assert len(waiting.enters) == 1


def test_of_those_let_in_without_the_broker_only_what_is_new_is_kept() -> None:
    waiting = Waiting()
    first = waiting.enter(1, ANN)
    waiting.enters.add(2, PendingEnter(first.request, None, waiting.entered.append))  # another tab
    list(waiting.enters.confirm_all_locally())
    assert len(waiting.entered) == 2
    assert len(waiting.enters) == 1


def test_nothing_is_kept_of_a_channel_that_came_and_went_without_the_broker() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    list(waiting.enters.confirm_all_locally())
    assert len(waiting.enters) == 1
    waiting.enters.channel_closed((APP, "presence-other"))
    assert len(waiting.enters) == 1
    waiting.enters.channel_closed((APP, ROOM))
    assert len(waiting.enters) == 0


def test_a_subscriber_that_has_left_is_not_asked_for_again() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    list(waiting.enters.confirm_all_locally())
    waiting.state.close(APP, ROOM)
    waiting.sent += waiting.enters.unsent()
    assert waiting.sent == []
    assert waiting.enters.pop(1) is None
    assert waiting.changes.find(m.ADDED_MEMBERS, 1) is None


def test_of_a_member_that_has_left_the_broker_is_told_the_count_only() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    waiting.enter(2, BOB)
    channel = waiting.state.open(APP, ROOM)
    channel.leave("ann")
    channel.count -= 1
    waiting.enters.ask(1)
    assert waiting.sent == [m.Enter(1, APP, ROOM, 1, None, b"", True, False, 0)]
    assert waiting.changes.find(m.ADDED_MEMBERS, 1) is None
    assert waiting.changes.find(m.ADDED_MEMBERS, 2) is not None


def test_who_waits_still_cannot_be_withdrawn() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    assert not waiting.enters.withdraw((APP, ROOM, "ann"))
    list(waiting.enters.confirm_all_locally())
    assert len(waiting.entered) == 1


def test_after_the_first_one_is_counted_another_is_the_first_who_has_to_be_told_of_members() -> None:
    waiting = Waiting()
    for id, member in ((1, ANN), (2, BOB)):
        waiting.enter(id, member)
        list(waiting.enters.confirm_all_locally())
        pending = waiting.enters.pop(id)  # the broker was there for a moment
        assert pending is not None
        assert pending.announced_members == frozenset(("ann", "bob")[:id])
    waiting.enter(3, ANN)
    waiting.enter(4, BOB)
    list(waiting.enters.confirm_all_locally())
    first, second = waiting.enters.pop(3), waiting.enters.pop(4)
    assert first is not None
    assert second is not None
    assert (first.announced_members, second.announced_members) == (frozenset(("ann", "bob")), None)


def test_a_channel_whose_first_subscriber_the_broker_may_know_is_asked_for_again() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    waiting.enters.ask(1)
    list(waiting.enters.confirm_all_locally())
    waiting.enters.channel_closed((APP, ROOM))
    assert len(waiting.enters) == 1


def test_who_wants_it_gets_the_last_event_that_is_known_here() -> None:
    waiting = Waiting()
    waiting.cache.put(APP, "cache-a", b"last", 60)
    for id, (channel, wants) in enumerate((("cache-a", True), ("cache-a", False), ("cache-b", True)), 1):
        waiting.state.open(APP, channel).count += 1
        request = EnterRequest(APP, channel, None, b"", wants)
        waiting.enters.add(id, PendingEnter(request, None, waiting.entered.append))
    list(waiting.enters.confirm_all_locally())
    assert [snapshot.cached for snapshot in waiting.entered] == [b"last", None, None]
    assert len(waiting.enters) == 0


def test_nothing_is_kept_of_whom_the_broker_refuses() -> None:
    waiting = Waiting()
    waiting.enter(1, ANN)
    assert waiting.enters.waiting_request(1) is not None
    waiting.enters.refuse(1)
    assert len(waiting.entered) == 1
    assert len(waiting.enters) == 0
    assert waiting.enters.waiting_request(1) is None
