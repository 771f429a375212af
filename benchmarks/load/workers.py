"""`python -m benchmarks.load.workers`: what two workers carry more than one, and what it costs that they are two.

Everything is CPU time, so that the generator may share the processors with the server. A server of several processes
carries as much as the one that has the most to do lets it: `capacity` is what one worker alone needs for an operation,
over what the busiest of several needs. Each worker has the same load in flight: two have twice as much as one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.load import crossing, generator
from benchmarks.load.cluster import Cluster, serving
from benchmarks.load.generator import Target
from benchmarks.load.recording import RESULTS, circumstances, idle_share
from benchmarks.load.scenarios import SCENARIOS, Scenario


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario of `benchmarks.load` with so many events in flight for each worker; 0 is one event in all, so that
    each delivery is a send of its own, on several workers too. `conns` are other connections than the scenario's."""

    scenario: str
    in_flight: int
    figure: str
    about: str
    conns: int | None = None

    @property
    def name(self) -> str:
        return self.scenario if self.conns is None else f"{self.scenario}-{self.conns}"

    def of(self, workers: int) -> Scenario:
        (found,) = [each for each in SCENARIOS if each.name == self.scenario]
        options = list(found.options)
        for option, value in (
            ("--window", self.in_flight * workers or 1),
            ("--publishers", self.in_flight * workers or 8),
            ("--conns", found.conns if self.conns is None else self.conns),
        ):
            if option in options:
                options[options.index(option) + 1] = str(value)
        return replace(found, options=tuple(options))


ROWS = (
    Row("fanout-1000-100b-w1", 0, "cpu_us_per_delivery", "delivery to 1,000 subscribers, 1 event in flight"),
    Row("fanout-1000-100b-w8", 8, "cpu_us_per_delivery", "delivery to 1,000 subscribers, 8 for each worker"),
    Row("channels", 64, "cpu_us_per_event", "publish to one of 10,000 channels, 5 subscribers each"),
    Row("publish", 64, "cpu_us_per_event", "publish to one subscriber"),
    Row("publish", 64, "cpu_us_per_event", "publish to ten subscribers", conns=10),
    Row("whisper", 8, "cpu_us_per_delivery", "delivery of a client event to 999 others, 8 for each worker"),
    Row("connect", 0, "cpu_us_per_connect", "connect and subscribe"),
)
CROSSING = {1: 8000, 100: 1600, 1000: 320}  # subscribers on one worker -> events
Costs = dict[str, float]  # CPU time of each process for one operation, in us


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.workers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="measured time of a run (2)")
    parser.add_argument("--write", action="store_true", help="record the run as results/workers.json and .md")
    options = parser.parse_args()
    idle_before = idle_share()
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        rounds.append(once(options.seconds))
    around = circumstances(rounds=options.rounds, seconds=options.seconds, idle_before=idle_before)
    record = recorded(rounds, around)
    print(table(record["runs"]))
    if options.write:
        write(record)


def once(seconds: float) -> dict[str, Costs]:
    """One round, on fresh servers: by row and number of workers."""
    found = {}
    with serving(1) as one, serving(2) as two:
        for row in ROWS:
            for workers, cluster in ((1, one), (2, two)):
                found[f"{row.name} {workers}"] = _load(row, workers, cluster, seconds)
        for count, events in CROSSING.items():
            with crossing.subscribers(two, count) as clients:
                for sender in ("worker 0", "worker 1"):
                    found[f"crossing {count} {sender}"] = crossing.cost_us(two, sender, clients, events)
    return found


def recorded(rounds: Sequence[dict[str, Costs]], around: dict[str, Any]) -> dict[str, Any]:
    return {"circumstances": around, "runs": {name: [each[name] for each in rounds] for name in rounds[0]}}


def write(record: dict[str, Any], to: Path = RESULTS) -> None:
    (to / "workers.json").write_text(json.dumps(record, indent=1) + "\n")
    (to / "workers.md").write_text(document(record))


def document(record: dict[str, Any]) -> str:
    around = record["circumstances"]
    head = "# Several workers\n\n`python -m benchmarks.load.workers --write`. CPU time, medians of"
    where = f"Revurb {around['revurb']}, {around['cpu']}, Linux {around['linux']}, {around['date']}"
    return f"{head} {around['rounds']} rounds. {where}.\n\n{table(record['runs'])}\n"


def _load(row: Row, workers: int, cluster: Cluster, seconds: float) -> Costs:
    target = Target("revurb", cluster.port, tuple(cluster.pids.values()))
    answer, shares = cluster.shares_of_the_end(
        lambda: generator.run(row.of(workers), target, seconds=seconds), seconds
    )
    return {process: share * answer[row.figure] for process, share in shares.items()}


def table(runs: dict[str, list[Costs]]) -> str:
    """The medians as two tables of Markdown."""
    lines = [
        "| | 1 worker | 2 workers and hub, together | busiest of them | hub | capacity of 2 |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in ROWS:
        one, two = (runs[f"{row.name} {workers}"] for workers in (1, 2))
        alone, busiest = _median(one, _sum), _median(two, _even)
        hub = _median(two, lambda costs: costs["hub"])
        lines.append(
            f"| {row.about} | {alone:.3g} us | {_median(two, _sum):.3g} us | {busiest:.3g} us | {hub:.2g} us "
            f"| {alone / busiest:.2f} x |"
        )
    lines += [
        "",
        "| client event to subscribers on one worker | from the same worker | from the other one | ratio "
        "| other worker, if it is from the same |",
        "|---|--:|--:|--:|--:|",
    ]
    for count in CROSSING:
        same, other = (runs[f"crossing {count} worker {number}"] for number in (0, 1))
        here, there = _median(same, _sum), _median(other, _sum)
        idle = _median(same, lambda costs: costs["worker 1"])
        lines.append(
            f"| {count:,} | {here / count:.3g} us a delivery | {there / count:.3g} us | {there / here:.2f} "
            f"| {idle:.2g} us an event |"
        )
    return "\n".join(lines)


def _median(runs: Sequence[Costs], of: Callable[[Costs], float]) -> float:
    return statistics.median(of(costs) for costs in runs)


def _sum(costs: Costs) -> float:
    return sum(costs.values())


def _even(costs: Costs) -> float:
    """The process with the most to do, where the kernel spreads clients evenly: of few connections it does not."""
    workers = [cost for name, cost in costs.items() if name != "hub"]
    return max(costs["hub"], sum(workers) / len(workers))


if __name__ == "__main__":
    main()
