"""A run as it is kept: every answer of the generator, and the circumstances that it was given in.

Tables and plots are drawn from recordings alone, so that what is shown can always be drawn again.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import revurb
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import SCENARIOS

RESULTS = Path(__file__).parents[1] / "results"
IDLE_ENOUGH = 0.95


@dataclass(slots=True)
class Recording:
    """The results, the servers' names in the order of their columns, and the circumstances."""

    servers: list[str]
    circumstances: dict[str, Any]
    results: list[Result]

    @property
    def quiet(self) -> bool:
        """Whether nothing else used the machine, as far as was seen."""
        return all(self.circumstances[when] >= IDLE_ENOUGH for when in ("idle_before", "idle_after"))

    def write(self, path: Path) -> None:
        entries = [
            {
                "scenario": each.scenario.name,
                "floor": each.floor,
                "runs": each.runs,
                "failures": each.failures,
            }
            for each in self.results
        ]
        run = {"circumstances": self.circumstances, "servers": self.servers, "results": entries}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Raises KeyError for a recording of a scenario that is gone: it must be made anew."""
        run = json.loads(path.read_text())
        named = {scenario.name: scenario for scenario in SCENARIOS}
        results = [
            Result(named[entry["scenario"]], entry["runs"], entry["floor"], entry["failures"])
            for entry in run["results"]
        ]
        return cls(run["servers"], run["circumstances"], results)


def circumstances(*, rounds: int, seconds: float, idle_before: float) -> dict[str, Any]:
    """To be asked for when the run is over: sees whether the machine is quiet again."""
    return {
        "revurb": revurb.__version__,
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "linux": platform.release().split("-")[0],
        "date": time.strftime("%Y-%m-%d"),
        "rounds": rounds,
        "seconds": seconds,
        "idle_before": round(idle_before, 3),
        "idle_after": round(idle_share(), 3),
    }


def idle_share(over_s: float = 2.0) -> float:
    """The share of time in which all CPUs together have nothing to do, from now on; time stolen by the host is use."""
    start = _cpu_times()
    time.sleep(over_s)
    spent = [after - before for before, after in zip(start, _cpu_times(), strict=True)]
    return (spent[3] + spent[4]) / max(1, sum(spent))  # idle and iowait


def busy_s() -> list[float]:
    """What each CPU has worked since the machine started, in seconds; in steps of a clock tick."""
    of_all = [_numbers(line) for line in _stat_lines()[1:]]
    return [(sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK") for times in of_all]


def _cpu_times() -> list[int]:
    return _numbers(_stat_lines()[0])


def _stat_lines() -> list[str]:
    """Of all CPUs together, and then of each."""
    return [line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]


def _numbers(line: str) -> list[int]:
    return [int(number) for number in line.split()[1:9]]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
