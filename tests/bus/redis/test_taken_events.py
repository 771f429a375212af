"""What a Redis may have taken and told nobody of, when it was killed."""

from __future__ import annotations

import msgspec

from revurb.bus.brokered.broker_messages import Publish
from revurb.bus.redis.taken_events import KEPT_S, MAX_BYTES, TakenEvents
from revurb.pusher.history import EXPIRED, HistoryBounds, gap_text


def events(*seqs: int) -> list[Publish]:
    return [Publish(seq, "app1", "news", b"%d" % seq, None, 0) for seq in seqs]


def again(taken: TakenEvents) -> list[int]:
    return [event.seq for event in taken.again()]


def took(taken: TakenEvents, pipeline: int, *seqs: int) -> None:
    taken.took(pipeline, events(*seqs))


def took_of(taken: TakenEvents, partition: int, pipeline: int, seq: int, at: float = 0.0) -> None:
    taken.took_of_partition(partition, pipeline, events(seq), MAX_BYTES // 4, at)


def test_those_of_the_newest_pipeline_are_published_again() -> None:
    taken = TakenEvents()
    took(taken, 1, 1, 2)
    took(taken, 2, 3)
    took(taken, 2, 4)  # another batch of it
    taken.session_ended(2, 60)
    assert again(taken) == [3, 4]


def test_those_are_not_that_redis_has_answered_anything_after() -> None:
    taken = TakenEvents()
    took(taken, 1, 1)
    taken.session_ended(2, 0)
    assert again(taken) == []


def test_the_newest_pipeline_is_not_called_back_to_its_end() -> None:
    taken = TakenEvents()
    took(taken, 3, 1)
    taken.session_ended(2, 0)
    assert again(taken) == [1]


def test_in_a_cluster_those_of_every_partition_for_a_while() -> None:
    taken = TakenEvents()
    took_of(taken, 5, 1, 1)
    took_of(taken, 6, 2, 2, KEPT_S)
    took_of(taken, 7, 3, 3, KEPT_S)
    took_of(taken, 7, 4, 4, KEPT_S)
    took_of(taken, 7, 4, 5, KEPT_S)  # another batch of it
    taken.session_ended(9, KEPT_S + 0.1)
    assert again(taken) == [2, 4, 5]


def test_they_are_kept_until_they_are_taken_again() -> None:
    taken = TakenEvents()
    took(taken, 1, 1, 2)
    taken.session_ended(1, 0)
    took(taken, 1, 1)
    taken.session_ended(1, 0)  # before the second one was
    assert again(taken) == [1, 2]
    took(taken, 1, 1, 2)
    took(taken, 2, 3)
    taken.session_ended(2, 0)
    assert again(taken) == [3]


def test_where_there_is_history_they_are_gaps() -> None:
    taken = TakenEvents()
    plain, kept = events(1, 2)
    kept = msgspec.structs.replace(kept, history=HistoryBounds(10, 60, 1000))
    taken.took(1, [plain, kept])
    taken.session_ended(1, 0)
    first, second = taken.again()
    assert first.text == b"1"
    assert second.text == gap_text("news", EXPIRED)
    assert second.history == kept.history  # it has a position
    assert second.seq == 2  # who has got the event tells of the gap as well


def test_they_are_not_cached_again() -> None:
    taken = TakenEvents()
    taken.took(1, [Publish(1, "app1", "cache-news", b"x", None, 30)])
    taken.session_ended(1, 0)
    assert [event.cache_ttl_s for event in taken.again()] == [0]


def test_a_redis_that_has_them_all() -> None:
    taken = TakenEvents()
    took(taken, 1, 1)
    taken.session_ended(1, 0)
    taken.forget()
    assert again(taken) == []


def test_their_bytes_are_bounded() -> None:
    taken = TakenEvents()
    for number in range(1, 10):
        took_of(taken, number, 1, number)
    taken.session_ended(1, 0)
    assert again(taken) == [6, 7, 8, 9]
