"""Taking turns: each round runs the floor and every server once, so that all share the machine's moods."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field

from benchmarks.load.generator import FRAME_OVERHEAD_BYTES, Target, floor, run
from benchmarks.load.scenarios import Scenario

BUSY_ENOUGH = (
    0.9  # below, the generator was what limited a closed loop, and the figure holds its idle time's costs
)


@dataclass(slots=True)
class Result:
    """The figures of one scenario: one per round and server, and the floor's where it has one."""

    scenario: Scenario
    figures: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)
    floor: list[float] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def median(self, name: str) -> float | None:
        """The median of the rounds; for memory the first, since the others find it already there."""
        figures = self.figures.get(name)
        if not figures:
            return None
        return figures[0] if self.scenario.figure == "rss_bytes_per_conn" else statistics.median(figures)

    def to_floor(self, name: str) -> float | None:
        """The median of the rounds' own ratios to the floor."""
        pairs = list(zip(self.figures.get(name, []), self.floor, strict=False))
        return statistics.median(figure / base for figure, base in pairs) if pairs else None

    def was_limited_by(self, name: str) -> bool:
        """Whether the server, not the generator, was the bottleneck."""
        return not self.scenario.closed_loop or statistics.median(self.busy[name]) >= BUSY_ENOUGH


def measure(scenarios: list[Scenario], targets: list[Target], *, rounds: int, seconds: float) -> list[Result]:
    results = []
    for scenario in scenarios:
        result = Result(scenario)
        for number in range(rounds):
            print(f"{scenario.name}: round {number + 1} of {rounds}", file=sys.stderr)
            if scenario.floor is not None:
                result.floor.append(_floor(scenario))
            for target in targets:
                if target.name in result.failures:
                    continue
                try:
                    figures = run(scenario, target, seconds=seconds)
                except RuntimeError as error:
                    result.failures[target.name] = str(error)
                    continue
                result.figures.setdefault(target.name, []).append(figures[scenario.figure])
                result.busy.setdefault(target.name, []).append(figures["busy"])
        results.append(result)
    return results


def _floor(scenario: Scenario) -> float:
    assert scenario.floor is not None
    conns = int(scenario.options[scenario.options.index("--conns") + 1])
    burst = 1 if scenario.floor == "one_in_flight_us" else 8
    figures = floor(
        conns=conns,
        frame_bytes=scenario.event_bytes + FRAME_OVERHEAD_BYTES,
        burst=burst,
        rounds=max(20, 200_000 // (conns * burst)),
    )
    return float(figures[scenario.floor])
