"""`python -m benchmarks.interpreters`: what one node costs on each of several Python interpreters, which take turns.

    python -m benchmarks.interpreters --python plain=/opt/plain/bin/python --python pgo=/opt/pgo/bin/python
    python -m benchmarks.interpreters --python plain=... --python pgo=... --rounds 1 --write --add

Nothing is set up here: each interpreter has Revurb installed (`pip install .`), the same release for all, with kernels
and libraries of its own. PATH may be a program that becomes the interpreter (`exec`), for one in another root.

`--write` leaves results/interpreters.json and the table in docs/sizing.md; with `--add` the rounds that are on record
of the same interpreters stay, so that a shared machine can be asked for a minute at a time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.load.generator import Answer, Target, run
from benchmarks.load.marks import rewrite
from benchmarks.load.recording import RESULTS, Recording, circumstances, idle_share
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import SCENARIOS, Figure, Proof, Scenario
from benchmarks.load.servers import revurb
from benchmarks.load.table import caption, cell, markdown, title

RECORD = RESULTS / "interpreters.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "sizing.md"
MARK = "interpreters: written by python -m benchmarks.interpreters --write"
TRIES = 3
START = Scenario(
    name="start",
    figures=(
        Figure("start_s", "s", "a start, until it listens"),
        Figure("rss_bytes", "bytes", "memory of a fresh process"),
    ),
    options=(),
    publishes=False,
    proof=Proof.NONE,
)
TOLD = (  # by the interpreter itself
    "import json, platform, sys, revurb, revurb._speedups.fanout; "
    "print(json.dumps([platform.python_version(), platform.python_compiler(), "
    "getattr(sys, '_is_gil_enabled', lambda: True)(), revurb.__version__]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One that takes turns: its column's name, its program, and what it says of itself."""

    name: str
    path: str
    version: str
    compiler: str
    has_gil: bool
    revurb: str


def of_load(name: str, about: str, **options: str) -> Scenario:
    """A scenario of `benchmarks.load` with other options, `window="16"`."""
    (found,) = [each for each in SCENARIOS if each.name == name]
    texts = list(found.options)
    for option, value in options.items():
        texts[texts.index(f"--{option}") + 1] = value
    return replace(found, figures=(replace(found.figures[0], about=about),), options=tuple(texts))


SERVING = (
    of_load("publish", "HTTP publish, 16 in flight", window="16"),
    of_load("connect", "connect and subscribe"),
    of_load("fanout-1000-100b-w1", "delivery to 1,000 subscribers, one event in flight"),
    of_load("fanout-1000-100b-w8", "delivery to 1,000 subscribers, eight in flight"),
)
IDLE = of_load("idle", "memory of an idle connection, of 10,000")


def ask(text: str) -> Interpreter:
    """An interpreter given as NAME=PATH. Raises ValueError with what is wrong with it."""
    name, _, path = text.partition("=")
    if not name or not path or "|" in name:
        raise ValueError(f"{text!r}: expected NAME=PATH, of a Python that has Revurb installed")
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            done = subprocess.run(
                [path, "-c", TOLD], cwd=elsewhere, capture_output=True, text=True, check=False, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ValueError(f"{name}: {path} cannot be run: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[-1]
        raise ValueError(f"{name}: {path} has no Revurb that can be imported (pip install .): {said}")
    return Interpreter(name, path, *json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interpreters", description="What one node costs on several interpreters."
    )
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="once for each")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each interpreter (3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured time of a run (1)")
    parser.add_argument(
        "--write", action="store_true", help="record as results/interpreters.json, and in docs/sizing.md"
    )
    parser.add_argument("--add", action="store_true", help="to the rounds of these that are on record")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0")
    try:
        interpreters = [ask(text) for text in options.python]
    except ValueError as error:
        parser.error(f"--python {error}")
    names = [each.name for each in interpreters]
    if len(set(names)) < max(1, len(names)):
        parser.error("each --python NAME=PATH needs a name of its own, and one is needed")
    if len({each.revurb for each in interpreters}) > 1:
        parser.error(
            "they have different releases: " + ", ".join(f"{i.name} {i.revurb}" for i in interpreters)
        )
    earlier = read(RECORD) if options.add and RECORD.exists() else None
    if earlier is not None and earlier.servers != names:
        parser.error(f"--add: on record are {', '.join(earlier.servers)}; give the same, in this order")
    recording = measure(interpreters, rounds=options.rounds, seconds=options.seconds)
    if earlier is not None:
        recording = joined(earlier, recording)
    print(table(recording))
    if options.write:
        recording.write(RECORD)
        rewrite(DOCUMENT, MARK, table(recording))


def measure(
    interpreters: list[Interpreter],
    *,
    rounds: int,
    seconds: float,
    serving: Sequence[Scenario] = SERVING,
    idle: Scenario = IDLE,
) -> Recording:
    """All of them in turns, in the other order in every second round."""
    idle_before = idle_share()
    results = [Result(scenario) for scenario in (START, *serving, idle)]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for each in interpreters if number % 2 == 0 else reversed(interpreters):
                print(f"round {number + 1} of {rounds}: {each.name}", file=sys.stderr)
                answers = one_turn(each, Path(folder), serving, idle, seconds=seconds)
                for result in results:
                    result.runs.setdefault(each.name, []).append(answers[result.scenario.name])
    around = circumstances(rounds=rounds, seconds=seconds, idle_before=idle_before)
    around["interpreters"] = {each.name: [each.version, each.compiler, each.has_gil] for each in interpreters}
    around["revurb"], around["python"] = interpreters[0].revurb, "as named"
    return Recording([each.name for each in interpreters], around, results)


def one_turn(
    interpreter: Interpreter, folder: Path, serving: Sequence[Scenario], idle: Scenario, *, seconds: float
) -> dict[str, Answer]:
    """The answers by scenario: one process for what it does, another one for what it keeps."""
    server = revurb(name=interpreter.name, python=interpreter.path, folder=folder)
    with server.open() as target:
        answers = {scenario.name: proven(scenario, target, seconds) for scenario in serving}
    start_s = time.monotonic()
    with server.open() as target:
        start_s = time.monotonic() - start_s
        answers[START.name] = {"start_s": start_s, "rss_bytes": rss_bytes(target)}
        answers[idle.name] = run(idle, target, seconds=seconds)
    return answers


def proven(scenario: Scenario, target: Target, seconds: float) -> Answer:
    """A run that shows that the server was what limited it, if one of three does: others may disturb."""
    for _ in range(TRIES):
        answer = run(scenario, target, seconds=seconds)
        if Result(scenario, {target.name: [answer]}).evidence(target.name)[1]:
            break
    return answer


def rss_bytes(target: Target) -> float:
    lines = Path(f"/proc/{target.pids[0]}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def joined(earlier: Recording, later: Recording) -> Recording:
    """One recording of the rounds of two, which are of the same interpreters."""
    for result, more in zip(earlier.results, later.results, strict=True):
        result.add(more)
    around: dict[str, Any] = dict(later.circumstances)
    around["rounds"] += earlier.circumstances["rounds"]
    around["idle_before"] = min(around["idle_before"], earlier.circumstances["idle_before"])
    around["idle_after"] = min(around["idle_after"], earlier.circumstances["idle_after"])
    return Recording(later.servers, around, earlier.results)


def read(path: Path) -> Recording:
    """What `Recording.write` has left of a run of this module."""
    record = json.loads(path.read_text())
    named = {scenario.name: scenario for scenario in (START, *SERVING, IDLE)}
    results = [Result(named[entry["scenario"]], entry["runs"]) for entry in record["results"]]
    return Recording(record["servers"], record["circumstances"], results)


def table(recording: Recording) -> str:
    """A column for each interpreter, with the ratio to the first one: the median of the rounds' own."""
    first, *others = recording.servers
    rows = []
    for result in recording.results:
        for figure in result.scenario.figures:
            cells = [cell(result, first, figure)]
            for other in others:
                ratio = result.ratio(other, figure, first)
                cells.append(cell(result, other, figure) + (f" ({ratio:.2f})" if ratio else ""))
            rows.append([figure.about, *cells])
    made = [
        f"{name}: {version}, {compiler}{'' if has_gil else ', without the GIL'}"
        for name, (version, compiler, has_gil) in recording.circumstances["interpreters"].items()
    ]
    header = ["", *map(title, recording.servers)]
    return f"{markdown(header, rows, texts=1)}\n{caption(recording)} Interpreters: {'; '.join(made)}.\n"


if __name__ == "__main__":
    main()
