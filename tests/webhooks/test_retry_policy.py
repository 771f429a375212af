from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.webhooks.retry_policy import TRIED_FOR_S, RetrySchedule, Verdict, retry_after_s, verdict_of

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_delivered(status: int) -> None:
    assert verdict_of(status) is Verdict.DELIVERED


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_later(status: int) -> None:
    assert verdict_of(status) is Verdict.RETRY


@pytest.mark.parametrize("status", [301, 302, 304, 400, 401, 403, 404, 409, 410, 413, 422, 451])
def test_never(status: int) -> None:
    assert verdict_of(status) is Verdict.GIVE_UP


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("0", 0),
        (" 120 ", 120),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("9" * 5000, 999_999_999),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60),
        ("Tue, 99 Nov 2023 99:14:20 GMT", 0),
        ("٣", 0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    assert retry_after_s(text, NOW_S) == seconds


@given(st.text())
def test_no_retry_after_raises(text: str) -> None:
    assert retry_after_s(text, NOW_S) >= 0


def test_back_off_doubles_up_to_a_minute_and_ends_after_five() -> None:
    schedule, now_s, delays = RetrySchedule(NOW_S, lambda: 1.0), NOW_S, []
    while (delay_s := schedule.delay_s(now_s)) is not None:
        delays.append(delay_s)
        now_s += delay_s
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 56.25]
    assert now_s == NOW_S + TRIED_FOR_S


def test_jitter_is_half_of_the_delay() -> None:
    assert RetrySchedule(NOW_S, lambda: 0.0).delay_s(NOW_S) == 0.125
    assert RetrySchedule(NOW_S, lambda: 0.5).delay_s(NOW_S) == 0.1875


def test_the_receiver_may_ask_for_more_but_not_for_less() -> None:
    schedule = RetrySchedule(NOW_S, lambda: 1.0)
    assert schedule.delay_s(NOW_S, "40") == 40
    assert schedule.delay_s(NOW_S, "0") == 0.5
    assert schedule.delay_s(NOW_S + 100, "86400") == 200  # the last try
    assert schedule.delay_s(NOW_S + 300, "1") is None


def test_a_request_of_an_earlier_sender_has_what_is_left_of_its_time() -> None:
    assert RetrySchedule(NOW_S - 299, lambda: 1.0).delay_s(NOW_S) == 0.25
    assert RetrySchedule(NOW_S - 301, lambda: 1.0).delay_s(NOW_S) is None


def test_a_clock_that_was_set_back_makes_no_longer_delay() -> None:
    assert RetrySchedule(NOW_S + 10_000, lambda: 1.0).delay_s(NOW_S, "5000") == TRIED_FOR_S
