"""What a node reports to a broker, in parts of bounded size. More of it is in test_subscriptions.py."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.greeting import PART_BYTES, Greeting
from revurb.bus.brokered.member_changes import MemberChanges
from revurb.bus.brokered.pending_enters import PendingEnter, PendingEnters
from revurb.bus.cache import EventCache
from revurb.bus.local_state import LocalState
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import EnterRequest, Member

APP, ROOM = "app1", "presence-room"


class Reporting:
    def __init__(self) -> None:
        self.state = LocalState()
        self.cache = EventCache(lambda: 0.0)
        self.changes = MemberChanges(MEMBER_EVENTS.removed)
        self.pending = PendingEnters(
            self.state, self.cache, MEMBER_EVENTS, self.changes, lambda message: None, lambda event: None
        )
        self.greeting = Greeting(self.state, self.cache, self.pending, self.changes)

    def join(self, *members: Member) -> None:
        channel = self.state.open(APP, ROOM)
        for member in members:
            channel.count += 1
            channel.join(member)


def user(number: int, info: bytes = b"null") -> Member:
    return Member(f"u{number}", b'"u%d"' % number, info)


def test_a_large_channel_is_reported_in_pieces_that_continue_each_other() -> None:
    reporting = Reporting()
    reporting.join(*(user(number, b"x" * 1000) for number in range(200)))
    parts = list(reporting.greeting.parts())
    assert len(parts) == 4
    assert all(len(m.encode(part)) < PART_BYTES + 10_000 for part in parts)
    reports = [report for part in parts for report in part.channels]
    assert [report.continues for report in reports] == [False, True, True, True]
    assert sum(len(report.members) for report in reports) == 200
    assert {report.count for report in reports} == {200}


def test_who_leaves_behind_the_last_part_is_in_the_rest() -> None:
    reporting = Reporting()
    reporting.join(user(1), user(2))
    reporting.changes.remove(APP, ROOM, user(3))
    [part] = reporting.greeting.parts()
    reporting.changes.remove(APP, ROOM, user(4))
    assert [each.member for each in part.departed] == [user(3)]
    assert reporting.greeting.rest() == m.StatePart([], [], [m.DepartedMember(APP, ROOM, user(4), 2)])


def test_cached_events_are_reported_a_few_at_a_time() -> None:
    reporting = Reporting()
    for number in range(20):
        reporting.cache.put(APP, f"cache-{number}", b"x" * (PART_BYTES // 2), 60)
    assert [len(part.cached) for part in reporting.greeting.parts()] == [2] * 10 + [0]


def test_entrusted_members_are_reported_a_few_at_a_time() -> None:
    reporting = Reporting()
    channels = [m.ChannelReport(APP, ROOM, 0, [user(number, b"x" * 1000) for number in range(40)])]
    entrusted = [m.EntrustedMembers(f"n{number}", channels) for number in range(6)]
    greeting = Greeting(
        reporting.state, reporting.cache, reporting.pending, reporting.changes, entrusted=entrusted
    )
    parts = list(greeting.parts())
    assert [len(part.entrusted) for part in parts] == [2, 2, 2, 0]
    assert [each for part in parts for each in part.entrusted] == entrusted


def test_members_that_come_by_enter_are_only_named() -> None:
    reporting = Reporting()
    reporting.join(user(1), user(2))
    request = EnterRequest(APP, ROOM, user(2), b"added", False)
    reporting.pending.add(1, PendingEnter(request, user(2), lambda snapshot: None))
    [part] = reporting.greeting.parts()
    assert part.channels == [m.ChannelReport(APP, ROOM, 2, [user(1)], ["u2"])]


def test_a_channel_that_changes_while_it_is_reported_is_reported_again() -> None:
    reporting = Reporting()
    reporting.join(*(user(number, b"x" * 1000) for number in range(100)))
    parts = reporting.greeting.parts()
    next(parts)
    reporting.greeting.changed((APP, ROOM))
    reporting.join(user(1000))
    reporting.changes.remove(APP, ROOM, user(5))
    rest = [*(report for part in parts for report in part.channels)]
    assert [len(report.members) for report in rest if not report.continues] == [64]
    assert sum(len(report.members) for report in rest[-2:]) == 101
    assert reporting.greeting.rest() == m.StatePart([], [], [])
    assert next(iter(reporting.changes.departed())).member == user(5)
