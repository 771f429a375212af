from __future__ import annotations

from revurb.webhooks.payload import body_of
from revurb.webhooks.target_queue import (
    EVENT_BYTES,
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    TargetQueue,
    WaitingEvent,
)

MANY = 10_000


def queue(max_bytes: int = 1 << 30, max_age_s: float = 600) -> TargetQueue:
    return TargetQueue(max_bytes, max_age_s)


def fill(target: TargetQueue, count: int, size_bytes: int = 10, came_at: float = 0) -> None:
    for number in range(count):
        target.add(WaitingEvent(str(number), b"x" * size_bytes, came_at + number))


def test_a_batch_has_the_oldest_in_order() -> None:
    target = queue()
    fill(target, 3)
    assert target.oldest_at == 0
    assert [event.fact_id for event in target.take_batch()] == ["0", "1", "2"]
    assert len(target) == 0
    assert target.take_batch() == []


def test_a_batch_has_a_thousand_events_at_most() -> None:
    target = queue()
    fill(target, MAX_BATCH_EVENTS - 1)
    full = [target.has_full_batch]
    fill(target, 1)
    assert [*full, target.has_full_batch] == [False, True]
    fill(target, 1)
    assert len(target.take_batch()) == MAX_BATCH_EVENTS
    assert len(target.take_batch()) == 1


def test_a_body_has_64_kib_at_most() -> None:
    target = queue()
    fill(target, 100, 1000)
    assert target.has_full_batch
    batch = target.take_batch()
    assert len(body_of([event.event for event in batch], 10**13)) <= MAX_BATCH_BYTES
    assert len(batch) == 65
    assert not target.has_full_batch


def test_one_that_is_larger_goes_alone() -> None:
    target = queue()
    fill(target, 2, 100_000)
    assert len(target.take_batch()) == 1
    assert len(target.take_batch()) == 1


def test_beyond_its_bytes_the_oldest_are_too_many() -> None:
    target = queue(max_bytes=32 * (EVENT_BYTES + 2 + 10))
    fill(target, 32, 10)
    assert not target.take_too_many(MANY)
    fill(target, 1)
    assert [event.fact_id for event in target.take_too_many(MANY)] == ["0", "1", "2"]
    assert not target.take_too_many(MANY)
    assert len(target) == 30
    fill(target, 3)
    assert len(target.take_too_many(2)) == 2


def test_beyond_their_age_they_are_too_old() -> None:
    target = queue(max_age_s=100)
    fill(target, 5)
    assert not target.take_too_old(100, MANY)
    assert [event.fact_id for event in target.take_too_old(101.5, MANY)] == ["0", "1"]
    assert len(target.take_too_old(1000, 2)) == 2
    assert len(target) == 1


def test_some_of_the_oldest_can_be_taken() -> None:
    target = queue()
    fill(target, 3, 10)
    assert target.waiting_bytes > 3 * EVENT_BYTES
    assert [event.fact_id for event in target.take_oldest(2)] == ["0", "1"]
    assert len(target.take_oldest(2)) == 1
    assert (target.waiting_bytes, len(target)) == (0, 0)
