"""`python -m benchmarks.record`: measures what the README, docs/redis.md and docs/scaling.md show, and puts it there.

    python -m benchmarks.record                          # a quarter of an hour on two quiet cores
    python -m benchmarks.record --short --to /tmp/tried  # three minutes, to see whether all of it runs
    python -m benchmarks.record --draw                   # measures nothing: tables and documents again

Rounds follow each other, and each has all parts, so that all share the machine's moods; medians are shown. Parts are
`benchmarks.load`, `.across`, `.workers` and `.horizontal` below it; `benchmarks.scaling` computes with them. A round
that would not be over in time is not begun.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import across, command, horizontal, readme, workers
from benchmarks.load.recording import RESULTS, Recording, circumstances, idle_share
from benchmarks.load.rounds import Result, measure
from benchmarks.load.scenarios import SCENARIOS, Scenario
from benchmarks.load.servers import Server, revurb, uwebsockets
from benchmarks.peers.built import built_peers
from benchmarks.scaling import record as scaling
from benchmarks.scaling.costs import Costs

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/redis.md", "docs/scaling.md")
ROUNDS, SECONDS, MINUTES = 3, 2.0, 18.0
SHORT_SECONDS = 0.5
SHORT_RATES = (1000, 5000)
HORIZONTAL_SECONDS = 2.0  # for each of the others': its latencies have a tail


@dataclass(slots=True)
class Measured:
    """All rounds so far."""

    servers: list[str]
    load: dict[str, Result] = field(default_factory=dict)
    across: list[dict[str, float]] = field(default_factory=list)
    workers: list[dict[str, workers.Costs]] = field(default_factory=list)
    horizontal: list[dict[str, Any]] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.record", description="Record all that the documentation shows."
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of all parts (3)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured time of a run (2)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all rounds together (18)")
    parser.add_argument("--short", action="store_true", help="one round of short runs, to try it; with --to")
    parser.add_argument("--draw", action="store_true", help="measure nothing: write what is on record again")
    parser.add_argument(
        "--to", type=Path, help="a folder for records and documents, instead of those of the project"
    )
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0 or options.minutes <= 0:
        parser.error("--rounds, --seconds and --minutes must be above 0")
    if options.short and options.to is None:
        parser.error("--short is too short for the project's records: give a folder with --to")
    to, root = RESULTS, ROOT
    if options.to is not None:
        to = root = options.to
        copy_documents(root)
    if options.draw:
        draw(RESULTS, to, root)
        return
    baseline = uwebsockets()
    if baseline is None and options.to is None:
        sys.exit("the README shows Revurb beside uWebSockets: pip install 'revurb[bench,peers]'")
    servers = [revurb(), *([baseline] if baseline else []), *built_peers()]
    short = options.short
    found, around = rounds_of(
        servers,
        [each for each in SCENARIOS if not (short and each.thorough)],
        rounds=1 if short else options.rounds,
        seconds=SHORT_SECONDS if short else options.seconds,
        rates=SHORT_RATES if short else horizontal.RATES,
        minutes=options.minutes,
    )
    write(found, around, to, root)


def rounds_of(
    servers: list[Server],
    scenarios: list[Scenario],
    *,
    rounds: int,
    seconds: float,
    rates: Sequence[int],
    minutes: float,
) -> tuple[Measured, dict[str, Any]]:
    """What was measured, and the circumstances."""
    found, idle_before = Measured([server.name for server in servers]), idle_share()
    parts: dict[str, Callable[[], None]] = {
        "load": lambda: _load(found, servers, scenarios, seconds),
        "across": lambda: found.across.append(across.once(len(found.across))),
        "workers": lambda: found.workers.append(workers.once(seconds)),
        "horizontal": lambda: found.horizontal.extend(
            asdict(run) for run in horizontal.once(rates, seconds * HORIZONTAL_SECONDS)
        ),
    }
    done = take_turns(parts, rounds, minutes)
    for name in parts:
        if not getattr(found, name):
            sys.exit(f"{name} has failed in every round: nothing is recorded")
    return found, circumstances(rounds=done, seconds=seconds, idle_before=idle_before)


def take_turns(
    parts: Mapping[str, Callable[[], None]],
    rounds: int,
    minutes: float,
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Call all parts, round after round; one that fails is left out of that round. Returns how many rounds there were:
    no more are begun if one as long as the last would not be over in time."""
    began_at, last_s = now(), 0.0
    for number in range(rounds):
        round_at = now()
        if number and round_at - began_at + last_s > minutes * 60:
            print(f"no time for round {number + 1}: --minutes {minutes:g}", file=sys.stderr)
            return number
        for name, part in parts.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            try:
                part()
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                print(f"{name} has failed in round {number + 1}: {error!r}", file=sys.stderr)
        last_s = now() - round_at
    return rounds


def _load(found: Measured, servers: list[Server], scenarios: list[Scenario], seconds: float) -> None:
    left = [each for each in scenarios if not (each.once and each.name in found.load)]
    for result in measure(left, servers, rounds=1, seconds=seconds):
        if result.scenario.name in found.load:
            found.load[result.scenario.name].add(result)
        else:
            found.load[result.scenario.name] = result


def write(found: Measured, around: dict[str, Any], to: Path, root: Path) -> None:
    """Records and tables to `to`, and what documents below `root` show of them."""
    recording = Recording(found.servers, around, list(found.load.values()))
    command.print_worse(recording)
    command.write(recording, "load", to)
    readme.rewrite(recording, root / "README.md")
    across.write({"circumstances": around, "rounds": found.across}, to, root / "docs/redis.md")
    workers.write(workers.recorded(found.workers, around), to)
    around = around | {"seconds": around["seconds"] * HORIZONTAL_SECONDS}
    horizontal.write({"circumstances": around, "runs": found.horizontal}, to)
    scaling.write(scaling.compute(Costs.read(to), to), to, root / "docs/scaling.md")


def draw(records: Path, to: Path, root: Path) -> None:
    """What `write` leaves, out of what is on record."""

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((records / f"{name}.json").read_text())
        return found

    recording = Recording.read(records / "load.json")
    command.write(recording, "load", to, picture=False)
    readme.rewrite(recording, root / "README.md")
    across.write(read("across"), to, root / "docs/redis.md")
    workers.write(read("workers"), to)
    horizontal.write(read("horizontal"), to)
    scaling.write(read("scaling"), to, root / "docs/scaling.md")


def copy_documents(root: Path) -> None:
    for name in DOCUMENTS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)


if __name__ == "__main__":
    main()
