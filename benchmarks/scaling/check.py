"""What the simulation says of things that were measured, beside what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.load.horizontal import EVENT_BYTES, LAYOUT, NODES, SUBSCRIBERS
from benchmarks.load.recording import RESULTS
from benchmarks.load.rounds import PACE_ENOUGH
from benchmarks.scaling.costs import Costs, NotRecorded, read_record
from benchmarks.scaling.simulation import Cluster, cluster
from benchmarks.scaling.workload import Band, Workload
from revurb.bus.redis.keys import PARTITIONS

CORES = 2  # of the machine that it ran on, which it shared with everything else
SECONDS = 4.0
ROUNDS = 12
STAYS_S = 1e9  # nobody comes or goes
MOST_STRETCH = 20.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing, predicted and measured, in `unit`."""

    about: str
    unit: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1


def checks(costs: Costs, results: Path = RESULTS) -> list[Check]:
    """All that there are records for; whole runs first, which no cost was taken from."""
    try:
        across_nodes = list(horizontal(costs, read_record("horizontal.json", results)["runs"]))
    except NotRecorded as missing:
        print(f"not checked against three nodes: {missing}")
        across_nodes = []
    return [*across_nodes, *one_node(costs, read_record("load.json", results))]


def horizontal(costs: Costs, runs: Sequence[dict[str, Any]]) -> Iterator[Check]:
    """Nodes and Redis at each rate, in cores: medians of its runs. What the generator and strangers used is taken from
    the record, since it is not to be predicted."""
    for rate in dict.fromkeys(run["rate"] for run in runs):
        same = [run for run in runs if run["rate"] == rate]
        cores = {name: statistics.median(run["cores"][name] for run in same) for name in same[0]["cores"]}
        strangers = statistics.median(run["others_cores"] for run in same) + cores["generator"]
        node = statistics.fmean(used for name, used in cores.items() if name.startswith("node"))
        on_time = min(run["kept_pace"] for run in same) >= PACE_ENOUGH
        about = f"{rate:,} publishes/s to 3 nodes, {LAYOUT.each * rate:,} deliveries/s"
        about += "" if on_time else " (more than the machine could do)"
        predicted_node, predicted_redis = three_nodes(costs, rate, strangers)
        yield Check(f"{about}: each node", "cores", predicted_node, node)
        yield Check(f"{about}: Redis", "cores", predicted_redis, cores["redis"])


def three_nodes(costs: Costs, rate: float, strangers_cores: float = 0.0) -> tuple[float, float]:
    """Cores of each node and of Redis, on a machine of CORES that has other things to do as well. A process that has to
    wait for a core finds more to do in a turn, so that what they all use depends on what they all use; and whoever is
    sent something has to be woken."""
    costs = replace(costs, redis_write_us=costs.redis_wake_us)
    band = Band("bench", LAYOUT.channels, LAYOUT.each, rate / LAYOUT.channels)
    workload = Workload("horizontal", SUBSCRIBERS, (band,), EVENT_BYTES, STAYS_S)
    node = redis = 0.0
    for _ in range(ROUNDS):
        everything = strangers_cores + NODES * node + redis

        def simulated(own: float, everything: float = everything) -> Cluster:
            stretch = 1 / max(1 / MOST_STRETCH, 1 - (everything - own) / CORES)
            return cluster(workload, costs, NODES, balance="least", seconds=SECONDS, stretch=stretch)

        processes = simulated(node).processes(1)
        together = statistics.fmean(each.commands_per_turn for each in processes)
        shard = simulated(redis).shards([0] * PARTITIONS, together)[0]
        node = (node + statistics.fmean(sum(each.worked_us) for each in processes) / SECONDS / 1e6) / 2
        redis = (redis + sum(shard.worked_us) / SECONDS / 1e6) / 2
    return node, redis


def one_node(costs: Costs, load: dict[str, Any]) -> Iterator[Check]:
    """Scenarios of `benchmarks.load` that no cost is taken from; flat out, where the model charges for a pace with
    pauses."""
    for name, subscribers in (("fanout-1000-100b-w1", 1000), ("fanout-5000-100b-w1", 5000), ("channels", 5)):
        (entry,) = [each for each in load["results"] if each["scenario"] == name]
        measured = statistics.median(run["cpu_us_per_event"] for run in entry["runs"]["revurb"])
        predicted = costs.request_us + subscribers * costs.send_us
        yield Check(f"1 node, no Redis: a publish to {subscribers:,} subscribers", "us", predicted, measured)
