"""What the hub remembers of events."""

from __future__ import annotations

from revurb.bus.hub.event_log import ENTRY_COST_BYTES, EventLog

KEY = ("app", "news")


def logged(log: EventLog, *texts: bytes) -> None:
    for text in texts:
        log.position += 1
        log.append(KEY, text)


def texts_after(log: EventLog, position: int) -> list[bytes]:
    entries = [log.entry(each) for each in range(position + 1, log.position + 2)]
    return [entry.data for entry in entries if entry is not None]


def test_what_came_behind_a_position_is_there() -> None:
    log = EventLog(lambda: 0.0)
    logged(log, b"1", b"2", b"3")
    assert texts_after(log, 1) == [b"2", b"3"]
    assert log.missed(0) == 0


def test_events_are_forgotten_when_they_are_too_old_and_that_is_known() -> None:
    now = 0.0
    log = EventLog(lambda: now, kept_s=10.0)
    logged(log, b"1", b"2")
    now = 5.0
    logged(log, b"3")
    now = 11.0
    log.expire()
    assert texts_after(log, 0) == [b"3"]
    assert (log.missed(0), log.missed(1), log.missed(2), log.missed(3)) == (2, 1, 0, 0)


def test_they_take_no_more_memory_than_they_may() -> None:
    log = EventLog(lambda: 0.0, kept_bytes=10 * (100 + ENTRY_COST_BYTES))
    logged(log, *(b"x" * 100 for _ in range(25)))
    assert len(texts_after(log, 0)) == 10
    assert log.oldest == 16
    assert log.missed(0) == 15


def test_the_memory_of_events_that_are_too_old_is_used_again() -> None:
    now = 0.0
    log = EventLog(lambda: now, kept_s=10.0, kept_bytes=10 * (100 + ENTRY_COST_BYTES))
    for _ in range(10):
        logged(log, *(b"x" * 100 for _ in range(5)))
        now += 11.0
        log.expire()
        assert log.oldest == log.position + 1
    logged(log, *(b"x" * 100 for _ in range(10)))
    assert len(texts_after(log, 0)) == 10
    assert log.entry(log.oldest - 1) is None
    assert log.entry(log.position + 1) is None
    now += 10.0
    log.expire()
    assert len(texts_after(log, 0)) == 10  # for all of that time
