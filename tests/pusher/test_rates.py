from __future__ import annotations

from revurb.pusher.rates import TokenBucket


def test_a_second_at_once_and_then_as_they_come() -> None:
    bucket = TokenBucket(10, now=0.0)
    assert [bucket.take(1, 0.0) for _ in range(10)] == [0.0] * 10
    assert round(bucket.take(1, 0.0), 6) == 0.1
    assert bucket.take(1, 0.1) == 0.0
    assert bucket.take(5, 0.55) > 0
    assert bucket.take(5, 0.65) == 0.0
    assert [bucket.take(1, 100.0) for _ in range(10)] == [0.0] * 10  # no more is kept than that of a second
    assert bucket.take(1, 100.0) > 0


def test_what_is_more_than_it_holds_is_paid_back() -> None:
    bucket = TokenBucket(2, now=0.0)
    assert bucket.take(10, 0.0) == 0.0
    assert round(bucket.take(1, 0.0), 6) == 4.5
    assert bucket.take(1, 4.4) > 0
    assert bucket.take(1, 4.6) == 0.0


def test_less_than_one_in_a_second() -> None:
    bucket = TokenBucket(0.25, now=0.0)
    assert bucket.take(1, 0.0) == 0.0
    assert round(bucket.take(1, 0.0), 6) == 4.0
    assert bucket.take(1, 4.0) == 0.0


def test_when_it_holds_what_a_new_one_would() -> None:
    bucket = TokenBucket(2, now=0.0)
    assert bucket.is_full(0.0)
    bucket.take(4, 0.0)
    assert (bucket.debt(0.0), bucket.debt(0.5), bucket.debt(1.5)) == (2.0, 1.0, 0.0)
    assert not bucket.is_full(1.9)
    assert bucket.is_full(2.0)
