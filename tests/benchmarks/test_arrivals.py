"""What counts as a fault of a cluster, and what does not."""

from __future__ import annotations

import pytest

from benchmarks.load.arrivals import (
    ARRIVAL,
    PUBLISH,
    Arrival,
    Faults,
    Layout,
    Publish,
    faults,
    quantile,
    read,
)

LAYOUT = Layout(channels=2, each=2)  # publishes 0, 2, 4 are for subscribers 0 and 1


def at_once(count: int) -> list[Publish]:
    """Sent one after the other, and answered when all were: any order will do."""
    return [Publish(number, number + 0.5, 100.0) for number in range(count)]


def answered(count: int) -> list[Publish]:
    """Each was answered before the next was sent."""
    return [Publish(number, number + 0.5, number + 0.9) for number in range(count)]


def came(**orders: list[int]) -> list[Arrival]:
    return [Arrival(int(name[1:]), number, 0.0) for name, order in orders.items() for number in order]


WHOLE = {"s2": [1, 3], "s3": [1, 3]}


@pytest.mark.parametrize(
    ("publishes", "orders", "found"),
    [
        (answered(5), {"s0": [0, 2, 4], "s1": [0, 2, 4]}, Faults(0, 0, 0, 0)),
        (answered(5), {"s0": [0, 2, 4], "s1": [0, 4]}, Faults(1, 0, 0, 0)),
        (answered(5), {"s0": [0, 2, 4]}, Faults(3, 0, 0, 0)),
        (answered(5), {"s0": [0, 2, 2, 4], "s1": [0, 2, 4, 0]}, Faults(0, 2, 0, 0)),
        (answered(5), {"s0": [0, 2, 4], "s1": [0, 1, 2, 4]}, Faults(0, 1, 0, 0)),
        # As the other subscriber has it, but it had been answered before the next was sent.
        (answered(5), {"s0": [0, 4, 2], "s1": [0, 4, 2]}, Faults(0, 0, 2, 0)),
        # Both were under way, and it is the same for all.
        (at_once(5), {"s0": [0, 4, 2], "s1": [0, 4, 2]}, Faults(0, 0, 0, 2)),
        (at_once(5), {"s0": [0, 2, 4], "s1": [0, 4, 2]}, Faults(0, 0, 1, 0)),
        # An order is one of what came: what is lost at one moves nothing at the other.
        (at_once(5), {"s0": [4, 2], "s1": [4, 0, 2]}, Faults(1, 0, 0, 3)),
    ],
)
def test_faults(publishes: list[Publish], orders: dict[str, list[int]], found: Faults) -> None:
    assert faults(publishes, came(**orders, **WHOLE), LAYOUT) == found


def test_what_was_not_sent_is_not_lost() -> None:
    publishes = [Publish(0.0, 0.1, 0.2), Publish(1.0, 0.0, 0.0)]
    assert faults(publishes, came(s0=[0], s1=[0]), LAYOUT) == Faults(0, 0, 0, 0)


def test_a_quantile_is_a_value_that_was_there() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert [quantile(ordered, share) for share in (0, 0.5, 0.99, 1)] == [1.0, 50.0, 99.0, 100.0]
    assert quantile([7.0], 0.5) == 7.0
    assert quantile([], 0.5) == 0.0


def test_the_output_is_read_as_it_is_written() -> None:
    data = PUBLISH.pack(1.0, 2.0, 3.0) + ARRIVAL.pack(4, 0, 5.0) + ARRIVAL.pack(6, 0, 7.0)
    assert read(data, 1) == ([Publish(1.0, 2.0, 3.0)], [Arrival(4, 0, 5.0), Arrival(6, 0, 7.0)])
