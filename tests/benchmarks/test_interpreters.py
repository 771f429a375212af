"""Interpreters that take turns: which are taken, what a turn tells, how rounds are joined and shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.interpreters import (
    DOCUMENT,
    IDLE,
    MARK,
    RECORD,
    SERVING,
    START,
    ask,
    joined,
    measure,
    of_load,
    read,
    table,
)
from benchmarks.load.marks import with_part
from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import Scenario


def answer(scenario: Scenario, value: float) -> dict[str, float]:
    return {scenario.figures[0].key: value, "wanted": 1.0, "open_wanted": 1.0, "rss_bytes": value}


def recorded(**values: list[float]) -> Recording:
    results = [
        Result(
            each, {name: [answer(each, value) for value in of_rounds] for name, of_rounds in values.items()}
        )
        for each in (START, *SERVING, IDLE)
    ]
    around: dict[str, Any] = {
        "revurb": "1",
        "python": "as named",
        "cpu": "a core",
        "linux": "6",
        "date": "2026-11-27",
        "rounds": len(next(iter(values.values()))),
        "seconds": 1.0,
        "idle_before": 1.0,
        "idle_after": 0.99,
        "interpreters": {name: ["3.14.0", "GCC 14", name != "nogil"] for name in values},
    }
    return Recording(list(values), around, results)


def test_an_interpreter_tells_what_it_is() -> None:
    found = ask(f"this={sys.executable}")
    assert (found.name, found.path) == ("this", sys.executable)
    assert found.version == sys.version.split()[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected NAME=PATH"),
        ("/usr/bin/python3", "expected NAME=PATH"),
        ("gone=/nowhere/python", "gone: /nowhere/python cannot be run: "),
        ("none=/bin/false", "none: /bin/false has no Revurb that can be imported .* it ended with 1"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ask(text)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "needs a name of its own, and one is needed"),
        (("--python", "a=/nowhere"), "--python a: /nowhere cannot be run"),
        (("--python", f"a={sys.executable}", "--python", f"a={sys.executable}"), "a name of its own"),
        (("--python", f"a={sys.executable}", "--add"), "--add: on record are "),
    ],
)
def test_the_command_says_what_is_wrong(arguments: tuple[str, ...], reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.interpreters", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr


@pytest.mark.usefixtures("_two_cores")
def test_a_turn_has_every_figure() -> None:
    few = of_load("idle", "few", conns="1000")
    this = ask(f"this={sys.executable}")
    recording = measure([this], rounds=1, seconds=0.1, serving=SERVING[:1], idle=few)
    for result in recording.results:
        (run,) = result.runs["this"]
        assert all(run[figure.key] > 0 for figure in result.scenario.figures), result.scenario.name


def test_the_ratio_is_to_the_first_and_that_of_the_rounds() -> None:
    text = table(recorded(plain=[10.0, 30.0, 20.0], nogil=[5.0, 30.0, 30.0]))
    assert "| HTTP publish, 16 in flight | 20.0 us | 30.0 us (1.00) |" in text
    assert "plain: 3.14.0, GCC 14; nogil: 3.14.0, GCC 14, without the GIL." in text


def test_rounds_are_added(tmp_path: Path) -> None:
    recorded(plain=[10.0]).write(tmp_path / "record.json")
    later = recorded(plain=[20.0, 30.0])
    later.circumstances["idle_before"] = 0.5
    both = joined(read(tmp_path / "record.json"), later)
    assert both.circumstances["rounds"] == 3
    assert not both.quiet
    assert "| connect and subscribe | 20.0 us |" in table(both)
    assert both.circumstances | {"rounds": 2} == later.circumstances


def test_the_document_has_what_is_on_record() -> None:
    text = DOCUMENT.read_text()
    assert with_part(text, MARK, table(read(RECORD))) == text, (
        "draw again: python -m benchmarks.interpreters --write"
    )
    assert set(json.loads(RECORD.read_text())["circumstances"]["interpreters"]) == set(read(RECORD).servers)
