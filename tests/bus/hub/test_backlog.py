"""What a worker has not been sent yet."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import backlog as backlog_module
from revurb.bus.hub.backlog import SLICE_BYTES, Backlog
from revurb.bus.hub.event_log import ENTRY_COST_BYTES, EventLog
from revurb.bus.hub.framing import encode_frame

NEWS, OTHER = ("app1", "news"), ("app1", "other")


def logged(log: EventLog, text: bytes, key: tuple[str, str] = NEWS) -> None:
    log.position += 1
    log.append(key, text)


def test_it_has_the_events_of_the_workers_topics_from_where_each_begins() -> None:
    log = EventLog(lambda: 0.0)
    for text, key in ((b"1", NEWS), (b"2", OTHER), (b"3", OTHER), (b"4", ("app1", "none"))):
        logged(log, text, key)
    logged(log, b"5", ("app1", m.TERMINATIONS))
    backlog = Backlog(log, 0, 0)
    assert backlog.next_slice({NEWS: 0, OTHER: 2}) == [b"1", b"3", b"5"]
    assert backlog.is_empty
    assert (backlog.position, backlog.settled) == (5, 0)
    backlog.took_all()
    assert backlog.settled == 5


def test_replies_keep_their_places_and_are_counted() -> None:
    log = EventLog(lambda: 0.0)
    backlog = Backlog(log, 0, 0)
    logged(log, b"1")
    backlog.add_reply(b"reply")
    logged(log, b"2")
    assert backlog.bytes == 5
    assert backlog.next_slice({NEWS: 0}) == [b"1", b"reply", b"2"]
    assert (backlog.bytes, backlog.is_empty) == (0, True)


def test_a_slice_is_bounded() -> None:
    log = EventLog(lambda: 0.0)
    for _ in range(5):
        logged(log, b"x" * (SLICE_BYTES // 2))
    backlog = Backlog(log, 0, 0)
    assert [len(backlog.next_slice({NEWS: 0})) for _ in range(3)] == [2, 2, 1]


def test_what_it_does_not_want_is_passed_over_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with few topics holds up nobody, however much is in the log."""
    monkeypatch.setattr(backlog_module, "_SLICE_EVENTS", 3)
    log = EventLog(lambda: 0.0)
    for _ in range(7):
        logged(log, b"x", OTHER)
    backlog, positions = Backlog(log, 0, 0), []
    while not backlog.is_empty:
        assert backlog.next_slice({NEWS: 0}) == []
        positions.append(backlog.position)
    assert positions == [3, 6, 7]


def test_what_the_log_has_dropped_is_told() -> None:
    log = EventLog(lambda: 0.0, kept_bytes=2 * (1 + ENTRY_COST_BYTES))
    backlog = Backlog(log, 0, 0)
    for text in (b"1", b"2", b"3", b"4"):
        logged(log, text)
    assert backlog.next_slice({NEWS: 0}) == [encode_frame(m.EventsMissed(2)), b"3", b"4"]


def test_replies_are_bounded_with_the_events_and_come_where_these_are_not_wanted() -> None:
    log = EventLog(lambda: 0.0)
    backlog = Backlog(log, 0, 0)
    for number in range(5):
        logged(log, b"%d" % number, OTHER)
        backlog.add_reply(b"x" * (SLICE_BYTES // 2))
    assert backlog.bytes == 5 * (SLICE_BYTES // 2)
    assert [len(backlog.next_slice({NEWS: 0})) for _ in range(4)] == [2, 2, 1, 0]
    assert (backlog.bytes, backlog.position, backlog.is_empty) == (0, 5, True)


def test_what_was_dropped_is_told_once_and_is_behind_the_worker() -> None:
    log = EventLog(lambda: 0.0, kept_bytes=1 + ENTRY_COST_BYTES)
    backlog = Backlog(log, 0, 0)
    for text in (b"1", b"2", b"3"):
        logged(log, text)
    assert not backlog.is_empty
    assert backlog.next_slice({}) == [encode_frame(m.EventsMissed(2))]
    assert (backlog.position, backlog.settled) == (3, 0)
    assert backlog.next_slice({NEWS: 0}) == []
    backlog.add_reply(b"reply")
    assert not backlog.is_empty
    logged(log, b"4")
    logged(log, b"5")
    assert backlog.next_slice({NEWS: 4}) == [encode_frame(m.EventsMissed(1)), b"reply", b"5"]
