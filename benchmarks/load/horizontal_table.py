"""Runs of the horizontal load, and how they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load.recording import IDLE_ENOUGH
from benchmarks.load.rounds import PACE_ENOUGH
from benchmarks.load.table import amount, markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run at one rate. Latency is from when a publish was due to its arrival at a subscriber, `late_p99_ms` from
    when it was due to when it was sent. `cores` are CPU seconds a second, by process, and `others_cores` those of all
    that has no part in this. `bad_answers` are publishes that were not answered 200, `lost` to `overtaken` are
    arrivals: see arrivals.py."""

    rate: int
    kept_pace: float
    late_p99_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    deliveries_per_s: float
    bad_answers: int
    lost: int
    doubled: int
    out_of_order: int
    overtaken: int
    cores: dict[str, float]
    cpus: list[float]
    others_cores: float
    nodes_us_per_publish: float
    redis_us_per_publish: float
    redis_sent_bytes_per_publish: float
    redis_commands_per_publish: dict[str, float]


FULL = 0.95  # of a CPU's time
CPUS_SHOWN = 4  # the fullest
LATENCIES = ["publishes/s", "on time", "p50", "p95", "p99", "max", "deliveries/s", "wrong"]
COSTS = [
    "publishes/s",
    "each node",
    "Redis",
    "generator",
    "others",
    "CPUs",
    "nodes",
    "Redis",
    "commands of Redis",
    "Redis sends",
]


def table(runs: Sequence[Run]) -> str:
    """Two tables of Markdown: what was seen, and what it cost. Medians; what was wrong is added up, the pace is that of
    the worst run, and the maximum that of all."""
    latencies, costs = [], []
    for rate in dict.fromkeys(each.rate for each in runs):
        same = [each for each in runs if each.rate == rate]
        latencies.append(
            [
                f"{rate:,}",
                _pace(same),
                *(amount(_median(same, name), "ms") for name in ("p50_ms", "p95_ms", "p99_ms")),
                amount(max(each.max_ms for each in same), "ms"),
                f"{_median(same, 'deliveries_per_s'):,.0f}",
                " / ".join(
                    str(sum(getattr(each, name) for each in same))
                    for name in ("lost", "doubled", "out_of_order", "bad_answers")
                ),
            ]
        )
        cores = {name: statistics.median(each.cores[name] for each in same) for name in same[0].cores}
        costs.append(
            [
                f"{rate:,}",
                " ".join(f"{used:.2f}" for name, used in cores.items() if name.startswith("node")),
                f"{cores['redis']:.2f}",
                f"{cores['generator']:.2f}",
                f"{_median(same, 'others_cores'):.2f}",
                _cpus(same),
                f"{_median(same, 'nodes_us_per_publish'):.0f} us",
                f"{_median(same, 'redis_us_per_publish'):.0f} us",
                f"{statistics.median(sum(each.redis_commands_per_publish.values()) for each in same):.1f}",
                f"{_median(same, 'redis_sent_bytes_per_publish'):,.0f} B",
            ]
        )
    return f"{markdown(LATENCIES, latencies, texts=1)}\n{markdown(COSTS, costs, texts=1)}"


def document(runs: Sequence[Run], around: dict[str, Any]) -> str:
    """The recording as a Markdown document."""
    text = (
        "# Three nodes on one Redis\n\n`python -m benchmarks.load.horizontal --write`. "
        f"Medians of {around['rounds']} rounds of {around['seconds']:g} s. "
        f"Revurb {around['revurb']}, two cores of {around['cpu']}, Linux {around['linux']}, {around['date']}.\n"
    )
    if min(around["idle_before"], around["idle_after"]) < IDLE_ENOUGH:
        text += "**Other programs used the machine meanwhile: take these figures for too high.**\n"
    return (
        f"{text}\nLatency is from when a publish was due to its arrival. *wrong* is lost / doubled / out of order / "
        "not answered 200, of all rounds.\nCosts are cores (CPU seconds a second), *others* those of programs that "
        f"have no part in it, *CPUs* how full each CPU of the machine was, with **{FULL:.0%}** or more in bold: there "
        "the latency is that of a queue.\nThen what each publish takes.\n\n"
        f"{table(runs)}"
    )


def _median(runs: Sequence[Run], name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in runs))


def _cpus(runs: Sequence[Run]) -> str:
    """The fullest first, whichever that was; a machine may have many."""
    shares = zip(*(sorted(each.cpus, reverse=True) for each in runs), strict=True)
    medians = [statistics.median(share) for share in shares][:CPUS_SHOWN]
    return " ".join(f"**{busy:.2f}**" if busy >= FULL else f"{busy:.2f}" for busy in medians)


def _pace(runs: Sequence[Run]) -> str:
    """The share of what was due that was sent, of the worst run; void where it is not enough to call it that rate."""
    worst = min(each.kept_pace for each in runs)
    share = f"{int(worst * 1000) / 10:g} %"  # cut off, not rounded: 99.99 is not all
    return share if worst >= PACE_ENOUGH else f"void ({share})"
