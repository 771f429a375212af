"""Taking turns: each round runs the floor and every server once, so that all share the machine's moods."""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.load.generator import Answer, Target, floor, run
from benchmarks.load.scenarios import Figure, Proof, Scenario
from benchmarks.load.servers import Server

BUSY_ENOUGH = 0.9  # below, the generator was what limited a closed loop: the figure holds the price of idling
PACE_ENOUGH = 0.99


@dataclass(slots=True)
class Result:
    """What the runs of one scenario gave: for each server the generator's answers, one a round, the floor's too."""

    scenario: Scenario
    runs: dict[str, list[Answer]] = field(default_factory=dict)
    floor: list[Answer] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, later: Result) -> None:
        """The runs of a later round. A server that failed in either is left out of both."""
        self.failures |= later.failures
        for name, runs in later.runs.items():
            self.runs.setdefault(name, []).extend(runs)
        for name in self.failures:
            self.runs.pop(name, None)
        self.floor += later.floor

    def median(self, name: str, figure: Figure) -> float | None:
        runs = self.runs.get(name)
        return statistics.median(run[figure.key] for run in runs) if runs else None

    def error(self, name: str, figure: Figure) -> float | None:
        """What the median may be wrong by: the largest of what the runs say; None if they do not."""
        return max((run[figure.error] for run in self.runs[name]), default=None) if figure.error else None

    def floor_median(self, figure: Figure) -> float | None:
        if figure.floor is None or not self.floor:
            return None
        return statistics.median(base[figure.floor] for base in self.floor)

    def ratio(self, name: str, figure: Figure, to: str | None = None) -> float | None:
        """The median of the rounds' own ratios to the floor, or to the server `to`."""
        over = self.runs.get(to, []) if to is not None else self.floor if figure.floor else []
        key = figure.key if to is not None else figure.floor
        pairs = list(zip(self.runs.get(name, []), over, strict=False))
        if not pairs or key is None or any(not base[key] for _, base in pairs):
            return None
        return statistics.median(run[figure.key] / base[key] for run, base in pairs)

    def evidence(self, name: str) -> tuple[str, bool]:
        """What shows that the server was what limited the run, in words, and whether that is enough."""
        key = {
            Proof.BUSY: "wanted",
            Proof.OPENING_BUSY: "open_wanted",
            Proof.PACE: "kept_pace",
            Proof.NONE: None,
        }[self.scenario.proof]
        if key is None:
            return "", True
        share = min(1.0, statistics.median(run[key] for run in self.runs[name]))
        if self.scenario.proof is Proof.PACE:
            return f"{share:.0%} on time", share >= PACE_ENOUGH
        return f"busy {share:.0%}", share >= BUSY_ENOUGH


def measure(scenarios: list[Scenario], servers: list[Server], *, rounds: int, seconds: float) -> list[Result]:
    """Run everything. A server that fails a scenario is left out of the rest of it, and the result says why."""
    with ExitStack() as stack:
        lasting: dict[str, Target] = {}
        results = []
        for scenario in scenarios:
            result = Result(scenario)
            turns = 1 if scenario.once else rounds
            for number in range(turns):
                print(f"{scenario.name}: round {number + 1} of {turns}", file=sys.stderr)
                if any(figure.floor for figure in scenario.figures):
                    result.floor.append(floor(scenario, seconds=seconds))
                for server in servers:
                    if scenario.fresh and server.fresh:
                        with server.open() as target:
                            _turn(result, target, seconds)
                    else:
                        if server.name not in lasting:
                            lasting[server.name] = stack.enter_context(server.open())
                        _turn(result, lasting[server.name], seconds)
            results.append(result)
    return results


def _turn(result: Result, target: Target, seconds: float) -> None:
    if target.name in result.failures or not target.has(result.scenario):
        return
    try:
        result.runs.setdefault(target.name, []).append(run(result.scenario, target, seconds=seconds))
    except RuntimeError as error:
        result.failures[target.name] = str(error)
        del result.runs[target.name]
