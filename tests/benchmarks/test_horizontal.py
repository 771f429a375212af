"""The load of several nodes: how it is summed up and shown, and that nodes and generator understand each other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.load.arrivals import Arrival, Publish
from benchmarks.load.horizontal import NODES, WARMUP_S, Look, run, scaled, summary
from benchmarks.load.horizontal_table import Run, document, table
from tests.benchmarks.test_load import AROUND

ONE = Run(
    rate=1000,
    kept_pace=1.0,
    late_p99_ms=0.1,
    p50_ms=1.0,
    p95_ms=2.0,
    p99_ms=3.0,
    max_ms=4.0,
    deliveries_per_s=9000.0,
    bad_answers=0,
    lost=0,
    doubled=0,
    out_of_order=0,
    overtaken=0,
    cores={"node 1": 0.25, "node 2": 0.5, "node 3": 0.5, "redis": 0.125, "generator": 0.25},
    cpus=[0.875, 0.75],
    others_cores=0.0,
    nodes_us_per_publish=300.0,
    redis_us_per_publish=30.0,
    redis_sent_bytes_per_publish=800.0,
    redis_commands_per_publish={"evalsha": 1.0, "publish": 1.0},
)


def test_medians_sums_and_the_worst() -> None:
    text = table(
        [
            replace(ONE, p50_ms=9.0, max_ms=250.0, lost=1, kept_pace=0.9999),
            replace(ONE, p50_ms=3.0, lost=2, doubled=3),
            replace(ONE, p50_ms=1.0, out_of_order=4, bad_answers=5),
        ]
    )
    expected = "| 1,000 | 99.9 % | 3.00 ms | 2.00 ms | 3.00 ms | 250 ms | 9,000 | 3 / 3 / 4 / 5 |"
    assert expected in text
    assert (
        "| 1,000 | 0.25 0.50 0.50 | 0.12 | 0.25 | 0.00 | 0.88 0.75 | 300 us | 30 us | 2.0 | 800 B |" in text
    )


def test_a_rate_that_was_not_kept_in_every_round_is_void() -> None:
    text = table([ONE, replace(ONE, rate=2000, kept_pace=0.9899), replace(ONE, rate=2000)])
    assert "| 1,000 | 100 % |" in text
    assert "| 2,000 | void (98.9 %) |" in text


def test_a_full_cpu_is_seen_whichever_it_was() -> None:
    runs = [replace(ONE, cpus=cpus) for cpus in ([0.5, 0.96], [0.97, 0.5], [0.95, 0.25])]
    assert "| **0.96** 0.50 |" in table(runs)


def test_a_noisy_recording_says_so() -> None:
    assert "Other programs" not in document([ONE], AROUND)
    assert "Other programs" in document([ONE], {**AROUND, "idle_after": 0.5})


def test_latency_counts_from_when_a_publish_was_due_and_after_the_warm_up() -> None:
    due_s = (0.0, WARMUP_S, WARMUP_S + 0.5)
    publishes = [Publish(at, at + 0.2, at + 0.3) for at in due_s[:2]] + [Publish(due_s[2], 5.0, 5.1)]
    arrivals = [Arrival(9 * number + each, number, 6.0) for number in range(3) for each in range(9)]
    first = Look(1.0, {"node 1": 1.0, "redis": 1.0}, [5.0, 7.0], {"evalsha": 10.0, "info": 1.0}, 100.0)
    last = Look(2.0, {"node 1": 1.5, "redis": 1.25}, [5.25, 7.75], {"evalsha": 11.0, "info": 1.0}, 150.0)
    found = summary(2, publishes, arrivals, (first, last))
    assert found.p50_ms == pytest.approx(4500)
    assert found.max_ms == pytest.approx(5000)
    assert found.others_cores == 0.25
    assert found.cpus == [0.25, 0.75]
    assert found.kept_pace == 0.5  # the last was sent long after the time was over
    assert (found.nodes_us_per_publish, found.redis_us_per_publish) == (500_000, 250_000)  # one was answered
    assert (found.redis_sent_bytes_per_publish, found.redis_commands_per_publish) == (50, {"evalsha": 1.0})
    assert (found.lost, found.doubled, found.out_of_order, found.bad_answers) == (0, 0, 0, 0)


def test_an_unanswered_publish_is_a_bad_answer() -> None:
    publishes = [Publish(0.0, 0.1, 0.0), Publish(WARMUP_S, 1.1, 0.0)]
    look = Look(1.0, {"redis": 1.0}, [1.0], {}, 0.0)
    found = summary(1, publishes, [], (look, replace(look, at_s=2.0)))
    assert (found.bad_answers, found.lost) == (2, 18)


@pytest.mark.usefixtures("_two_cores")
def test_three_nodes_deliver_everything_once_and_in_order(need: Callable[[str], str]) -> None:
    need("redis-server")
    with scaled() as cluster:
        found = run(cluster, 200, 1.0)
    assert (found.lost, found.doubled, found.out_of_order, found.bad_answers) == (0, 0, 0, 0)
    assert found.deliveries_per_s > 0
    assert len(found.cores) == NODES + 2
    assert all(used > 0 for used in found.cores.values())
    assert len(found.cpus) == os.cpu_count()
    assert all(0 < busy <= 1.1 for busy in found.cpus)
    assert found.redis_commands_per_publish
    assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms <= found.max_ms
