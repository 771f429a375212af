"""When a client connects again."""

from __future__ import annotations

import pytest

from revurb.pusher_client.reconnect_schedule import MAX_DELAY_S, ReconnectSchedule, backoff_delay_s, is_final


@pytest.mark.parametrize(
    ("code", "final"),
    [(3999, False), (4000, True), (4099, True), (4100, False), (4200, False), (None, False)],
)
def test_some_codes_are_for_good(code: int | None, final: bool) -> None:
    assert is_final(code) is final


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 4100, 4199, 4300])
def test_after_most_codes_there_is_a_delay(code: int | None) -> None:
    schedule = ReconnectSchedule(float)
    assert [schedule.next_delay_s(code) for _ in range(3)] == [1.0, 2.0, 3.0]
    schedule.held()
    assert schedule.next_delay_s(code) == 1.0


@pytest.mark.parametrize("code", [4200, 4201, 4299])
def test_at_once_but_not_for_ever(code: int) -> None:
    schedule = ReconnectSchedule(float)
    assert [schedule.next_delay_s(code) for _ in range(3)] == [0.0, 2.0, 3.0]
    schedule.held()
    assert schedule.next_delay_s(code) == 0.0


def test_delays_grow_to_a_limit_and_differ() -> None:
    for attempt, longest in [(1, 0.5), (2, 1.0), (3, 2.0), (6, MAX_DELAY_S), (10_000, MAX_DELAY_S)]:
        delays = {backoff_delay_s(attempt) for _ in range(50)}
        assert len(delays) > 1
        assert all(longest / 2 <= delay <= longest for delay in delays)
