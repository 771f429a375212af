"""Values in buckets."""

from __future__ import annotations

import bisect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb._speedups.tally import Tally

BOUNDS = (0.0, 1.0, 4.0, 16.0)


def test_each_value_is_in_the_first_bucket_that_it_fits() -> None:
    tally = Tally(BOUNDS)
    for value in (0, 1, 1.5, 4, 4.000001, 16, 17, 1e300):
        tally.add(value)
    assert tally.counts == [1, 1, 2, 2, 2]
    assert tally.sum == pytest.approx(1e300)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32)))
def test_as_bisect_does(values: list[float]) -> None:
    tally = Tally(BOUNDS)
    expected = [0] * (len(BOUNDS) + 1)
    for value in values:
        tally.add(value)
        expected[bisect.bisect_left(BOUNDS, value)] += 1
    assert tally.counts == expected
    assert tally.sum == pytest.approx(sum(values), rel=1e-6, abs=1e-3)


def test_what_goes_with_the_values_is_added_up() -> None:
    tally = Tally(BOUNDS)
    tally.add(1, 10)
    tally.add(2)
    tally.add(3, 0.5)
    assert (tally.sum, tally.amount) == (6, 10.5)


def test_two_are_put_together() -> None:
    one, two = Tally(BOUNDS), Tally(BOUNDS)
    for tally, value in ((one, 1), (two, 1), (two, 99)):
        tally.add(value, 5)
    one.merge(two)
    assert (one.counts, one.count, one.sum, one.amount) == ([0, 2, 0, 0, 1], 3, 101, 15)
    assert two.count == 2
    with pytest.raises(ValueError, match="one has 4 bounds, the other 1"):
        one.merge(Tally((1,)))
    with pytest.raises(TypeError):
        one.merge(None)  # type: ignore[arg-type]


def test_there_are_so_many_bounds_at_most() -> None:
    assert len(Tally(range(24)).counts) == 25
    with pytest.raises(ValueError, match="24 bounds, not 25"):
        Tally(range(25))
    with pytest.raises(TypeError):
        Tally(("a",))  # type: ignore[arg-type]
