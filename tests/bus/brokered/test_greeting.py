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
            self.state,
            self.cache,
            MEMBER_EVENTS,
            self.changes,
            lambda _: None,
            lambda _: None,
            lambda _: None,
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


def test_parts_are_bounded_whatever_takes_the_bytes() -> None:
    """As the broker reads a part in one turn of its loop. Here the names of channels and members take them."""
    reporting = Reporting()
    long = "x" * 160  # a name
    names = [f"{number}-{long}" for number in range(1000)]
    for name in names:
        member = Member(name[:100], b"1", b"2")
        reporting.state.open(APP, f"c{name}").count = 1
        reporting.cache.put(APP, f"cache-{name}", b"", 60)
        reporting.changes.remove(APP, f"presence-{name}", member)
    channels = [m.ChannelReport(APP, f"entrusted-{name}", 0, []) for name in names[:10]]
    entrusted = [m.EntrustedMembers(f"n{number}", channels) for number in range(100)]
    greeting = Greeting(
        reporting.state, reporting.cache, reporting.pending, reporting.changes, PART_BYTES, entrusted
    )
    parts = list(greeting.parts())
    sizes = [len(m.encode(part)) for part in parts]
    assert all(PART_BYTES * 3 // 4 < size < PART_BYTES * 5 // 4 for size in sizes[:-1])
    assert sizes[-1] < PART_BYTES * 5 // 4
    for kind in ("channels", "cached", "departed"):
        assert sum(len(getattr(part, kind)) for part in parts) == 1000
    assert [each for part in parts for each in part.entrusted] == entrusted


def test_a_channel_that_changes_behind_the_last_part_is_in_the_rest() -> None:
    reporting = Reporting()
    reporting.join(user(1))
    reporting.state.open(APP, "gone").count = 1
    list(reporting.greeting.parts())
    reporting.join(user(2))
    reporting.state.close(APP, "gone")
    for channel in (ROOM, "gone", "never reported"):
        reporting.greeting.changed((APP, channel))
    assert reporting.greeting.rest().channels == [
        m.ChannelReport(APP, ROOM, 2, [user(1), user(2)]),
        m.ChannelReport(APP, "gone", 0, []),
    ]
    assert reporting.greeting.reported == {(APP, ROOM)}
    assert reporting.greeting.rest() == m.StatePart([], [], [])


def test_parts_are_bounded_also_by_what_changes_meanwhile() -> None:
    reporting = Reporting()
    names = [f"{number}-{'x' * 160}" for number in range(5000)]
    for name in names:
        reporting.state.open(APP, name).count = 1
    parts = reporting.greeting.parts()
    for _ in range(10):
        next(parts)
    gone = list(reporting.greeting.reported)
    for app_id, name in gone:
        reporting.state.close(app_id, name)
        reporting.greeting.changed((app_id, name))
    rest = list(parts)
    assert all(len(m.encode(part)) < PART_BYTES * 5 // 4 for part in rest)
    assert sum(report.count == 0 for part in rest for report in part.channels) == len(gone)
