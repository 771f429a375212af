"""The load of several workers: how it is shown, and that a crossing can be measured."""

from __future__ import annotations

from benchmarks.load import crossing
from benchmarks.load.cluster import serving
from benchmarks.load.workers import CROSSING, ROWS, table


def test_capacity_is_that_of_the_busiest() -> None:
    alone, together = {"node": 60.0}, {"worker 0": 50.0, "worker 1": 30.0, "hub": 20.0}
    runs = {f"{row.name} 1": [alone] for row in ROWS} | {f"{row.name} 2": [together] for row in ROWS}
    for count in CROSSING:
        runs[f"crossing {count} worker 0"] = [{"worker 0": 1.0 * count, "worker 1": 0.0, "hub": 0.0}]
        runs[f"crossing {count} worker 1"] = [{"worker 0": 1.0 * count, "worker 1": 0.2 * count, "hub": 0.0}]
    text = table(runs)
    assert "| publish to one subscriber | 60 us | 100 us | 40 us | 20 us | 1.50 x |" in text
    assert "| 100 | 1 us a delivery | 1.2 us | 1.20 | 0 us an event |" in text
    runs["publish 2"] = [{"worker 0": 20.0, "worker 1": 20.0, "hub": 30.0}]
    assert "| publish to one subscriber | 60 us | 70 us | 30 us | 30 us | 2.00 x |" in table(runs)


def test_a_worker_without_subscribers_has_nothing_to_do() -> None:
    with serving(2) as cluster, crossing.subscribers(cluster, 2) as clients:
        same = crossing.cost_us(cluster, "worker 0", clients, events=400)
        other = crossing.cost_us(cluster, "worker 1", clients, events=400)
    assert same.keys() == other.keys() == {"worker 0", "worker 1", "hub"}
    assert same["worker 1"] < same["worker 0"] / 2
    assert other["worker 1"] > same["worker 1"]
