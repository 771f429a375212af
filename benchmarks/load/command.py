"""What `benchmarks.load` and `benchmarks.peers` have in common: options, the run, what is left of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load.plot import draw
from benchmarks.load.recording import RESULTS, Recording, circumstances, idle_share
from benchmarks.load.rounds import measure
from benchmarks.load.scenarios import SCENARIOS, chosen
from benchmarks.load.servers import Server
from benchmarks.load.table import document, print_table
from benchmarks.load.worsening import comparison


def add_options(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(scenario.name for scenario in SCENARIOS)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"{names}; or a family: fanout")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each scenario on each server (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured time of a run (2)")
    parser.add_argument("--short", action="store_true", help="leave out what takes minutes: joins-10000")
    parser.add_argument("--write", action="store_true", help="record the run under benchmarks/results")


def read_options(parser: argparse.ArgumentParser, of_several: Sequence[str] = ()) -> argparse.Namespace:
    """The options, with Scenario values for the names; without names those `of_several`, with an option `workers` that
    is set. Ends the program where they make no sense."""
    options = parser.parse_args()
    if not options.scenarios and getattr(options, "workers", None):
        options.scenarios = list(of_several)
    try:
        options.scenarios = chosen(options.scenarios, short=options.short)
    except ValueError as error:
        parser.error(str(error))
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0")
    return options


def run(options: argparse.Namespace, servers: list[Server]) -> Recording:
    """Measure what the options ask for, print the table, give the recording back."""
    idle_before = idle_share()
    results = measure(options.scenarios, servers, rounds=options.rounds, seconds=options.seconds)
    around = circumstances(rounds=options.rounds, seconds=options.seconds, idle_before=idle_before)
    if getattr(options, "workers", None):
        around["cores"] = "all cores"
    recording = Recording([server.name for server in servers], around, results)
    print_table(recording)
    return recording


def print_worse(recording: Recording, recorded: Path = RESULTS / "load.json") -> None:
    """Name the rows that have got worse since the run on record, if there is one of the same scenarios."""
    if not recorded.exists():
        return
    try:
        before = Recording.read(recorded)
    except (KeyError, TypeError, ValueError) as error:  # KeyError: of a scenario that is gone
        print(f"not compared with {recorded.name}, which cannot be read any more: {error!r}")
        return
    print(comparison(recording, before))


def write(recording: Recording, stem: str, to: Path = RESULTS, *, picture: bool = True) -> None:
    """Leave `stem`.json, .md and .png; without `picture` no .png, for which matplotlib is needed."""
    recording.write(to / f"{stem}.json")
    (to / f"{stem}.md").write_text(document(recording))
    if picture:
        draw(recording, to / f"{stem}.png")
    print(f"written to {to / stem}.json, .md{' and .png' if picture else ''}")
