"""The second part of docs/compatibility.md: where Revurb follows Reverb rather than Pusher.

Each row names captured steps, and says what Reverb answers there but for the rows of the first part; test_golden plays
them on Revurb. Or it names a test that checks the answer.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from tests.golden import capture
from tests.golden.capture import Exchange
from tests.golden.compatibility import (
    DOCUMENT,
    PUSHER_COLUMNS,
    Differences,
    DocumentError,
    Row,
    read_rows,
)
from tests.golden.normal import same, show

PROJECT = Path(__file__).parents[2]
HEADER = "| id | where | Pusher | Revurb | why |\n|---|---|---|---|---|\n"
ROWS = read_rows(DOCUMENT.read_text(), PUSHER_COLUMNS)


@functools.cache
def exchanges() -> dict[tuple[str, int], Exchange]:
    return {(name, each.step): each for name in capture.NAMES for each in capture.load(name)}


def judged(row: Row, differences: Differences) -> list[str]:
    """What is wrong with a row, in words."""
    findings = []
    for place in row.where:
        exchange = exchanges().get(place)
        if exchange is None:
            findings.append(f"{row.id}: there is no step {place}")
            continue
        said, expected = row.outcome(exchange), differences.expected(exchange)
        if not same(said, expected):
            answers = "; ".join(f"{who}: {show(items)}" for who, items in expected.items())
            findings.append(f"{row.id} at {place}: the answer is {answers}")
    for path, function in row.tests:
        source = PROJECT / path
        if not source.exists() or not re.search(rf"def {function}\b", source.read_text()):
            findings.append(f"{row.id}: there is no {path}::{function}")
    if not row.where and not row.tests:
        findings.append(f"{row.id} names no step and no test")
    return findings


@pytest.fixture(scope="module")
def differences() -> Differences:
    return Differences(read_rows(DOCUMENT.read_text()))


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)", DOCUMENT.read_text()))
    assert named
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_there_are_rows() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_row_is_what_revurb_answers(row: Row, differences: Differences) -> None:
    assert judged(row, differences) == []


def row(where: str, revurb: str = "`pusher:pong`") -> Row:
    (only,) = read_rows(f"{HEADER}| an-id | {where} | it says so | {revurb} | because |\n", PUSHER_COLUMNS)
    return only


def test_a_row_that_is_not_true_is_found(differences: Differences) -> None:
    assert judged(row("`05-errors` 80"), differences) == []
    assert judged(row("`05-errors` 80", "`pusher:ping`"), differences) != []
    assert judged(row("`05-errors` 80000"), differences) != []
    here = "tests/golden/test_rather_than_pusher.py"
    assert judged(row(f"`{here}::test_there_are_rows`", "in words"), differences) == []
    assert judged(row(f"`{here}::test_there_is`", "in words"), differences) != []
    assert judged(row("`tests/golden/none.py::test_x`", "in words"), differences) != []
    both = row(f"`05-errors` 80; `{here}::test_there_are_rows`")
    assert (both.where, both.tests) == ((("05-errors", 80),), ((here, "test_there_are_rows"),))


@pytest.mark.parametrize("where", ["nowhere", "`05-errors`"])
def test_a_row_without_a_place_is_an_error(where: str) -> None:
    with pytest.raises(DocumentError):
        row(where)
