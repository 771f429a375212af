"""Recording everything: what is drawn from the records is what the project shows, and rounds take turns."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from benchmarks import record
from benchmarks.load.recording import RESULTS
from benchmarks.load.rounds import Result
from benchmarks.record import DOCUMENTS, ROOT, copy_documents, draw, take_turns
from tests.benchmarks.test_load import scenario

NAMES = ("load", "across", "workers", "horizontal")
AGAIN = "python -m benchmarks.record --draw"


def test_drawing_everything_again_changes_nothing(tmp_path: Path) -> None:
    copy_documents(tmp_path)
    scaling = tmp_path / "docs/scaling.md"
    scaling.write_text(scaling.read_text().replace("100,000,000", "1"))  # only in what is written anew
    draw(RESULTS, tmp_path, tmp_path)
    for name in DOCUMENTS:
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), AGAIN
    for name in NAMES:
        assert (tmp_path / f"{name}.md").read_text() == (RESULTS / f"{name}.md").read_text(), AGAIN
    for name in (*NAMES, "scaling"):
        assert (tmp_path / f"{name}.json").read_text() == (RESULTS / f"{name}.json").read_text(), AGAIN


def test_each_round_has_all_parts() -> None:
    said: list[str] = []
    parts = {name: partial(said.append, name) for name in ("first", "second")}
    assert take_turns(parts, 2, minutes=1.0) == 2
    assert said == ["first", "second", "first", "second"]


def test_a_round_that_would_not_be_over_in_time_is_not_begun(capsys: pytest.CaptureFixture[str]) -> None:
    at_s = 0.0

    def part() -> None:
        nonlocal at_s
        at_s += 250.0

    assert take_turns({"part": part}, 9, minutes=10.0, now=lambda: at_s) == 2  # 500 s, and 100 do not do
    assert "no time for round 3" in capsys.readouterr().err
    assert take_turns({"part": part}, 1, minutes=0.1, now=lambda: at_s) == 1


def test_a_part_that_fails_costs_no_other_its_round(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    def failing() -> None:
        raise RuntimeError("the other end did not start")

    assert take_turns({"failing": failing, "fine": partial(said.append, "fine")}, 2, minutes=1.0) == 2
    assert said == ["fine", "fine"]
    assert "failing has failed in round 2: RuntimeError('the other end" in capsys.readouterr().err


def test_rounds_are_added_up_and_who_failed_is_left_out() -> None:
    found = Result(scenario(), {"ours": [{"cost": 1.0}], "theirs": [{"cost": 2.0}]}, [{"base": 1.0}])
    found.add(Result(scenario(), {"ours": [{"cost": 3.0}]}, [{"base": 2.0}], {"theirs": "it ended"}))
    assert found.runs == {"ours": [{"cost": 1.0}, {"cost": 3.0}]}
    assert found.floor == [{"base": 1.0}, {"base": 2.0}]
    found.add(Result(scenario(), {"ours": [{"cost": 4.0}], "theirs": [{"cost": 2.0}]}))
    assert list(found.runs) == ["ours"]


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--short"], "give a folder with --to"), (["--rounds", "0"], "must be above 0")],
)
def test_options_that_make_no_sense_are_refused(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["record", *options])
    with pytest.raises(SystemExit):
        record.main()
    assert said in capsys.readouterr().err
