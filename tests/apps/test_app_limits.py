"""Limits that Pusher has: what they may be, and how some are put before others."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import PUSHER_LIMITS, App, AppLimits
from revurb.apps.app_limits import LIMIT_NAMES


@pytest.mark.parametrize("name", LIMIT_NAMES)
def test_each_is_checked_and_named(name: str) -> None:
    cases: list[tuple[Any, type[Exception]]] = [(0, ValueError), ("10", TypeError), (True, TypeError)]
    for value, error in cases:
        if name == "channel_name_charset" and value == "10":
            error = ValueError
        elif name == "channel_name_charset":
            error = TypeError
        with pytest.raises(error, match=f"AppLimits.{name}: found {value!r}; allowed: "):
            AppLimits(**{name: value})


def test_an_app_takes_no_other_thing_for_its_limits() -> None:
    wrong: Any = {"max_presence_members": 100}
    with pytest.raises(
        TypeError, match=r"App\.limits: found \{'max_presence_members': 100\}; allowed: AppLimits"
    ):
        App(id="1", key="k", secret="s", limits=wrong)


def test_none_that_is_set_is_no_limit() -> None:
    assert not AppLimits()
    of_pusher = [name for name in LIMIT_NAMES if getattr(PUSHER_LIMITS, name) is not None]
    assert set(LIMIT_NAMES) - set(of_pusher) == {
        "max_publishes_per_second", "max_reads_per_second", "max_app_client_events_per_second",
    }  # fmt: skip
    assert all(AppLimits(**{name: getattr(PUSHER_LIMITS, name)}) for name in of_pusher)


def test_what_is_set_goes_before_others() -> None:
    limits = AppLimits(max_presence_members=7, channel_name_charset="any").or_else(PUSHER_LIMITS)
    assert (limits.max_presence_members, limits.channel_name_charset) == (7, "any")
    assert (limits.max_user_info_bytes, limits.max_events_per_batch) == (1024, 10)
    assert AppLimits().or_else(PUSHER_LIMITS) == PUSHER_LIMITS
    assert PUSHER_LIMITS.or_else(AppLimits(max_presence_members=7)) == PUSHER_LIMITS
