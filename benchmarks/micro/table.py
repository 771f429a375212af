"""Measure every row, print one table, and keep the figures.

    python -m benchmarks.micro.table [--rounds 21] [--no-record]

CPU time of this process, not wall time: the machine is shared. Contestants take turns within each round, so that what
disturbs one disturbs all. A time is the median over the rounds, and so is a ratio: of the ratios within each round.
The garbage collector is off meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gc
import importlib.metadata
import json
import operator
import os
import platform
import statistics
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.micro.cases import rows

RESULTS = Path(__file__).parents[1] / "results"
TURN_NS = 1_000_000  # of one contestant in one round
COLUMNS = ("picows", "aiohttp", "websockets", "wsproto", "decode")
PACKAGES = ("revurb", "cython", *COLUMNS[:-1])


def elapsed_ns(work: Callable[[], Any], times: int) -> int:
    turns = range(times)
    begin = time.process_time_ns()
    for _ in turns:
        work()
    return time.process_time_ns() - begin


class Found(NamedTuple):
    """Of each contestant: median nanoseconds of CPU time per call, and median ratio to revurb's in the same round."""

    ns: dict[str, float]
    ratio: dict[str, float]


def measure(work: dict[str, Callable[[], Any]], rounds: int) -> Found:
    times = {}
    for name, call in work.items():
        once = elapsed_ns(call, 10) / 10  # warms up, too
        times[name] = max(1, round(TURN_NS / max(once, 50)))
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            taken[name].append(elapsed_ns(call, times[name]) / times[name])
    ours = taken["revurb"]
    return Found(
        {name: round(statistics.median(each), 1) for name, each in taken.items()},
        {
            name: round(statistics.median(map(operator.truediv, each, ours)), 3)
            for name, each in taken.items()
        },
    )


def circumstances() -> dict[str, str]:
    compiler = subprocess.run(
        [os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True, check=True
    )
    setup = (Path(__file__).parents[2] / "setup.py").read_text()
    ours = [line.strip() for line in setup.splitlines() if line.strip().startswith("optimize =")]
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "cc": compiler.stdout.splitlines()[0],
        "flags": f"{sysconfig.get_config_var('CFLAGS')}; setup.py: {'; '.join(ours)}",
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
    }


def line(group: str, name: str, found: Found) -> str:
    ratios = [
        f"{found.ratio[column]:>10.2f}x" if column in found.ratio else f"{'':>11}" for column in COLUMNS
    ]
    return f"{group:<22} {name:<24}{found.ns['revurb'] / 1000:>9.2f}{''.join(ratios)}{found.ratio['memcpy']:>9.2f}"


async def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the framer with its peers.")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--no-record", action="store_true", help="print only")
    asked = parser.parse_args()
    around = circumstances()
    for name, value in around.items():
        print(f"{name:<12}{value}")
    print(
        "\nCPU time. Peers: how many times as long as revurb they take. memcpy: its time as a share of ours,"
    )
    print("which is our rate as a share of its rate.\n")
    print(f"{'':<47}{'us':>9}{''.join(f'{column:>11}' for column in COLUMNS)}{'memcpy':>9}")
    results = []
    for group, name, work in rows():
        gc.collect()
        gc.disable()
        found = measure(work, asked.rounds)
        gc.enable()
        print(line(group, name, found), flush=True)
        results.append({"group": group, "row": name, **found._asdict()})
    if not asked.no_record:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        lines = ",\n".join("  " + json.dumps(result) for result in results)
        text = f'{{"circumstances": {json.dumps(around, indent=1)},\n"rows": [\n{lines}\n]}}\n'
        (RESULTS / f"micro-{today}.json").write_text(text)


if __name__ == "__main__":
    asyncio.run(main())
