"""What has got worse is named, by what two runs have in common."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.load.command import print_worse
from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import Figure, Proof
from benchmarks.load.worsening import compared_rows, comparison
from tests.benchmarks.test_load import AROUND, scenario


def a_run(
    cost: float, theirs: float, base: float | None, memory: float = 1000.0, wanted: float = 1.0
) -> Recording:
    figures = (
        Figure("cost", "us", "a thing", floor=None if base is None else "base"),
        Figure("memory", "bytes", "memory of it"),
        Figure("difference", "us", "a difference", error="cost"),
    )
    answer = {"memory": memory, "difference": cost, "wanted": 1.0}
    result = Result(
        replace(scenario(Proof.BUSY), figures=figures),
        runs={
            "revurb": [{**answer, "cost": cost, "wanted": wanted}],
            "uwebsockets": [{**answer, "cost": theirs}] if theirs else [],
        },
        floor=[] if base is None else [{"base": base}],
    )
    return Recording(["revurb", "uwebsockets"], AROUND, [result])


def worse_rows(now: Recording, before: Recording) -> list[str]:
    return [line for line in comparison(now, before).splitlines() if line.startswith("worse ")]


def test_how_much_was_compared_is_said() -> None:
    before = a_run(10.0, 5.0, 1.0)
    assert comparison(before, before) == "no row is worse than on today, of 2 that can be compared"
    assert (
        comparison(a_run(10.0, 0, None), before) == "no row is worse than on today, of 1 that can be compared"
    )
    other = a_run(10.0, 5.0, 1.0, wanted=0.5)
    assert comparison(other, before) == "no row is worse than on today, of 0 that can be compared"
    assert [row.was for row in compared_rows(before, before)] == [2.0, 1000.0]


def test_ratios_to_the_peer_are_compared_and_not_times() -> None:
    before = a_run(10.0, 5.0, 1.0)
    assert worse_rows(a_run(100.0, 50.0, 1.0), before) == []
    assert worse_rows(a_run(10.0, 4.0, 1.0), before) == [
        "worse than on today: a thing: 2.50 x uWebSockets, was 2.00"
    ]
    assert worse_rows(a_run(10.0, 4.7, 1.0), before) == []  # within what chance makes


def test_without_the_peer_it_is_the_floor() -> None:
    before = a_run(10.0, 0, 5.0)
    assert worse_rows(a_run(10.0, 0, 4.0), before) == ["worse than on today: a thing: 2.50 x floor, was 2.00"]
    assert worse_rows(a_run(10.0, 0, None), a_run(1.0, 0, None)) == []


def test_memory_is_compared_as_it_is() -> None:
    found = worse_rows(a_run(10.0, 5.0, 1.0, memory=2048.0), a_run(10.0, 5.0, 1.0))
    assert found == ["worse than on today: memory of it: 2.0 KiB, was 1000 B"]


def test_what_has_no_proof_is_not_compared() -> None:
    assert worse_rows(a_run(100.0, 5.0, 1.0, wanted=0.5), a_run(10.0, 5.0, 1.0)) == []


def test_what_fails_now_is_named() -> None:
    now, before = a_run(10.0, 5.0, 1.0), a_run(10.0, 5.0, 1.0)
    now.results[0].runs["revurb"].clear()
    now.results[0].failures["revurb"] = "no answer"
    assert worse_rows(now, before) == [f"worse than on today: {now.results[0].scenario.name} fails"]
    assert worse_rows(now, now) == []


@pytest.mark.parametrize(
    "text", ["{", "[]", json.dumps({"servers": [], "circumstances": {}, "results": [{"scenario": "gone"}]})]
)
def test_a_record_that_cannot_be_compared_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """It would be what is measured that is lost: the new record is written behind this."""
    recorded = tmp_path / "load.json"
    recorded.write_text(text)
    print_worse(a_run(10.0, 5.0, 1.0), recorded)
    assert capsys.readouterr().out.startswith("not compared with load.json, which cannot be read any more: ")
