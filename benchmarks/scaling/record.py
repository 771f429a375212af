"""Everything that docs/scaling.md shows, computed, kept, and put there."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.load import marks
from benchmarks.load.across import medians
from benchmarks.load.recording import RESULTS
from benchmarks.scaling import limits, table
from benchmarks.scaling.check import checks
from benchmarks.scaling.costs import Costs, is_provisional, read_record
from benchmarks.scaling.plan import Host, plan, room
from benchmarks.scaling.traffic import Design
from benchmarks.scaling.workload import PROFILES
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"
SIZES = (1_000_000, 10_000_000, 100_000_000)
HOST = Host()
DESIGNS = {  # whether there are relays, and the number of partitions
    "as it is": (True, CLUSTER_PARTITIONS),
    "no relay: each process has its own link": (False, CLUSTER_PARTITIONS),
    "64 partitions, as older clusters have": (True, PARTITIONS),
}


def compute(costs: Costs, results: Path = RESULTS) -> dict[str, Any]:
    """A quarter of a minute. `costs` are those of the records in `results`."""
    plans = []
    designs: dict[str, dict[str, float]] = {}
    for profile in PROFILES:
        for size in SIZES:
            print(f"{profile.name}, {size:,} connections", file=sys.stderr)
            found = plan(profile.of(size), costs, host=HOST)
            plans.append(asdict(found))
        designs[profile.name] = {
            name: room(
                profile.of(size),
                costs,
                found.processes,
                Design(-(-found.processes // found.hosts) if has_relays else 1, partitions),
            )
            for name, (has_relays, partitions) in DESIGNS.items()
        }
    return {
        "measured": {
            name: read_record(name, results)["circumstances"] for name in ("load.json", "across.json")
        },
        "costs": asdict(costs),
        "is_provisional": is_provisional(medians(read_record("across.json", results)["rounds"])),
        "plans": plans,
        "designs": designs,
        "limits": limits.rows(costs, SIZES, HOST),
        "slots": limits.slot_rows(),
        "checks": [asdict(each) for each in checks(costs, results)],
    }


def parts(record: dict[str, Any]) -> dict[str, str]:
    """The mark in the document -> what stands there."""
    said = "python -m benchmarks.scaling --write"
    return {
        f"plans: {said}": table.plans(record),
        f"designs: {said}": table.designs(record["designs"], SIZES[-1]),
        f"limits: {said}": table.plain(record["limits"]),
        f"back: {said}": table.back(record),
        f"slots: {said}": table.plain(record["slots"]),
        f"checks: {said}": table.checks(record),
    }


def with_parts(text: str, record: dict[str, Any]) -> str:
    """The document with the record in it. Raises ValueError if a mark is gone."""
    for mark, part in parts(record).items():
        text = marks.with_part(text, mark, part)
    return text


def write(record: dict[str, Any], to: Path = RESULTS, document: Path = DOCUMENT) -> None:
    (to / "scaling.json").write_text(json.dumps(record, indent=1) + "\n")
    rewrite(record, document)


def rewrite(record: dict[str, Any], document: Path = DOCUMENT) -> None:
    document.write_text(with_parts(document.read_text(), record))
