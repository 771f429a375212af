"""The silence of a connection, without a clock."""

from __future__ import annotations

import pytest

from revurb.pusher_client.activity_watch import ActivityWatch


def test_a_silent_connection_is_asked_and_then_given_up() -> None:
    watch = ActivityWatch(100.0, 120.0, 30.0)
    assert watch.deadline == 220.0
    assert not watch.is_dead(220.0)
    assert watch.deadline == 250.0
    assert watch.is_dead(250.0)


def test_anything_that_comes_is_a_sign_of_life() -> None:
    watch = ActivityWatch(0.0, 120.0, 30.0)
    assert not watch.is_dead(120.0)
    watch.heard(140.0)
    assert watch.deadline == 260.0
    assert not watch.is_dead(260.0)


@pytest.mark.parametrize(
    ("wanted", "seconds"), [(30, 30.0), (1.5, 1.5), (500, 120.0), (0, 120.0), (None, 120.0)]
)
def test_the_shorter_timeout_counts(wanted: object, seconds: float) -> None:
    watch = ActivityWatch(0.0, 120.0, 30.0)
    watch.server_wants(wanted, 10.0)
    assert watch.deadline == 10.0 + seconds
