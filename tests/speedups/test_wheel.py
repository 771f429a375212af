"""The sets of a wheel. What turning it does is in tests/transport/test_timer_wheel.py."""

from __future__ import annotations

from typing import Any

import pytest

from revurb._speedups.wheel import Wheel


class Item:
    wheel_tick: dict[Any, None] | None = None


@pytest.mark.parametrize(("tick_s", "near_ticks"), [(0.0, 4), (-1.0, 4), (0.25, 0)])
def test_a_wheel_without_ticks(tick_s: float, near_ticks: int) -> None:
    with pytest.raises(ValueError, match="a wheel has ticks"):
        Wheel(0.0, tick_s, near_ticks)


@pytest.mark.parametrize("due", [-1.0, 10.0, 10.2, 11.0, 50.0])
def test_an_item_is_in_the_set_of_its_tick(due: float) -> None:
    wheel, item = Wheel(10.0, 0.25, 8), Item()
    wheel.schedule(item, due)
    while True:
        near, far = wheel.step()
        if item in near or item in (far or ()):
            break
    assert max(due, 10.0) <= wheel.turned_to * 0.25 <= max(due, 10.0) + 0.25


def test_one_that_is_moved_or_taken_out_is_in_no_other_set() -> None:
    wheel, item = Wheel(0.0, 1.0, 4), Item()
    for due in (1.0, 2.0, 100.0, 3.0):
        wheel.schedule(item, due)
    assert [item in wheel.step()[0] for _ in range(4)] == [False, False, True, False]
    wheel.cancel(item)
    wheel.cancel(item)
    assert item.wheel_tick is None
    assert not any(near or far for near, far in (wheel.step() for _ in range(200)))


@pytest.mark.parametrize("due", [2.0**53, 1e30, 1e308])
def test_what_is_due_in_ages_is_not_due_now(due: float) -> None:
    """A timeout may be as long as somebody likes."""
    wheel, item = Wheel(10.0, 0.25, 8), Item()
    wheel.schedule(item, due)
    assert not any(near or far for near, far in (wheel.step() for _ in range(20)))
    wheel.cancel(item)
    assert item.wheel_tick is None
