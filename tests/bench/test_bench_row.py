"""Which rows say something about the server."""

from __future__ import annotations

import pytest

from revurb.bench.bench_row import bench_row
from revurb.bench.generator_watch import Watched


def watched(own: float, wanted: float, lag_ms: float, server: float | None) -> Watched:
    return Watched(2.0, own, wanted, lag_ms, server, server, None)


@pytest.mark.parametrize(
    ("seen", "is_void"),
    [
        (watched(0.5, 0.5, 0, 0.95), False),
        (watched(0.95, 0.95, 0, 0.5), True),
        (watched(0.95, 0.95, 0, None), True),  # a server elsewhere: nobody knows
        (watched(0.95, 0.95, 0, 0.95), False),  # both: the server does not do more
        (watched(0.3, 0.95, 0, 0.2), True),  # it waited for a processor that others had
        (watched(0.5, 0.5, 50, 0.2), False),  # a closed loop waits for whom it has to wait
    ],
)
def test_a_closed_loop(seen: Watched, is_void: bool) -> None:
    row = bench_row("delivery", "delivery", "deliveries/s", 10, (), seen)
    assert (row.void is not None) is is_void
    assert row.per_s == 5.0
    assert row.p99_ms is None


@pytest.mark.parametrize(
    ("seen", "is_void"),
    [
        (watched(0.1, 0.1, 1.0, 0.1), False),
        (watched(0.1, 0.1, 4.0, 0.1), False),
        (watched(0.1, 0.1, 6.0, 0.1), True),
        (watched(0.95, 0.95, 0.0, 0.95), True),
    ],
)
def test_at_a_rate_its_lag_counts(seen: Watched, is_void: bool) -> None:
    row = bench_row("latency", "latency", "deliveries/s", 10, [0.001, 0.02], seen, is_paced=True)
    assert (row.void is not None) is is_void
    assert (row.p50_ms, row.max_ms) == (20.0, 20.0)


def test_where_the_server_takes_longer_a_late_loop_matters_less() -> None:
    assert bench_row("latency", "", "", 1, [0.1], watched(0.1, 0.1, 6.0, 0.1), is_paced=True).void is None


def test_what_was_refused_is_said_first() -> None:
    row = bench_row("publish", "publish", "publishes/s", 0, (), watched(0.95, 0.95, 0, None), void="refused")
    assert row.void == "refused"
