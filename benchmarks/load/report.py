"""Results as a table for people and as JSON for later."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import revurb
from benchmarks.load.generator import Target
from benchmarks.load.rounds import Result

RESULTS = Path(__file__).parents[1] / "results"


def print_table(results: list[Result], targets: list[Target]) -> None:
    """One row a scenario: the floor, each server's median, and its ratio to the floor."""
    table = Table(title=f"Revurb {revurb.__version__}, {machine()}; medians, lower is better")
    table.add_column("scenario")
    table.add_column("unit")
    table.add_column("floor", justify="right")
    for target in targets:
        table.add_column(target.name, justify="right")
        table.add_column("/ floor", justify="right")
    for result in results:
        floor = sorted(result.floor)[len(result.floor) // 2] if result.floor else None
        cells = [result.scenario.about, result.scenario.unit, "" if floor is None else f"{floor:.2f}"]
        for target in targets:
            cells += _cells(result, target.name)
        table.add_row(*cells)
    Console(width=160).print(table)
    for result in results:
        for name, reason in result.failures.items():
            print(f"{result.scenario.name} on {name}: {reason}")


def _cells(result: Result, name: str) -> list[str]:
    figure = result.median(name)
    if figure is None:
        return ["failed", ""]
    ratio = result.to_floor(name)
    # A figure of a server that was not kept busy holds the price of waking up: said, rather than shown as good.
    mark = "" if result.was_limited_by(name) else " (void: not busy)"
    digits = 0 if figure >= 1000 else 2
    return [f"{figure:,.{digits}f}{mark}", "" if ratio is None else f"{ratio:.2f}"]


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"Python {platform.python_version()}, {model}, Linux {platform.release()}"


def write_results(results: list[Result]) -> Path:
    """Record every figure of every round; one file a day, the last run of a day counts."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"load-{time.strftime('%Y-%m-%d')}.json"
    entries: list[dict[str, Any]] = [
        {
            "scenario": result.scenario.name,
            "figure": result.scenario.figure,
            "unit": result.scenario.unit,
            "floor": result.floor,
            "figures": result.figures,
            "busy": result.busy,
            "failures": result.failures,
        }
        for result in results
    ]
    run = {"revurb": revurb.__version__, "machine": machine(), "results": entries}
    path.write_text(json.dumps(run, indent=1) + "\n")
    return path
