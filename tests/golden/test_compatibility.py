"""The notation of docs/compatibility.md."""

from __future__ import annotations

import pytest

from tests.golden.capture import Exchange
from tests.golden.compatibility import (
    Differences,
    DocumentError,
    Row,
    read_rows,
    read_substitution,
    read_token,
)
from tests.golden.normal import (
    Answer,
    Closed,
    Control,
    Embedded,
    End,
    Item,
    Message,
    Number,
    Outcome,
    matches,
)

HEADER = "| id | where | Reverb | Revurb | why |\n|---|---|---|---|---|\n"


def row(revurb: str, where: str = "`02-errors` 3") -> Row:
    (only,) = read_rows(f"{HEADER}| an-id | {where} | it says so | {revurb} | because |\n")
    return only


def exchange(reverb: Outcome) -> Exchange:
    return Exchange("02-errors", 3, "request", "A", "a label", channel="c", reverb=reverb)


@pytest.mark.parametrize(
    ("word", "items"),
    [
        ("nothing", []),
        ("end", [End()]),
        ("close 4001", [Closed(4001)]),
        ("[pong] x", [Control("pong", "x")]),
        ("400 Bad request.", [Answer(400, "Bad request.")]),
        ("200", [Answer(200, "…")]),
        ('200 ""', [Answer(200, "")]),
        ('200 {"a":1}', [Answer(200, {"a": Number("1")})]),
        ("pusher:pong", [Message({"event": "pusher:pong"})]),
        ('e {"a":[]}', [Message({"event": "e", "channel": "c", "data": Embedded({"a": []})})]),
        ('{"event":"e","data":"{}"}', [Message({"event": "e", "data": Embedded({})})]),
        (
            "error 4009 No.",
            [
                Message(
                    {"event": "pusher:error", "data": {"code": Number("4009"), "message": "No."}},
                )
            ],
        ),
    ],
)
def test_words(word: str, items: list[Item]) -> None:
    assert read_token(word, "c") == items


def test_who_gets_it_stands_before_it() -> None:
    outcome = row("first `end`; **B** gets `nothing`, **C** `close 4200`").outcome(exchange({}))
    assert outcome == {"A": [End()], "B": [], "C": [Closed(4200)]}


def test_places() -> None:
    places = row("`end`", "`02-errors` 3, 5-7; `05-errors` 9").where
    assert places == (
        ("02-errors", 3),
        ("02-errors", 5),
        ("02-errors", 6),
        ("02-errors", 7),
        ("05-errors", 9),
    )


@pytest.mark.parametrize(
    ("word", "before", "after"),
    [
        ("[] → {}", {"a": [[], Embedded([])]}, {"a": [{}, Embedded({})]}),
        ('"a":[] → "a":{}', {"a": [], "b": []}, {"a": {}, "b": []}),
        ('"f":1 → "f":1.0', {"f": Number("1")}, {"f": Number("1.0")}),
        ('"a":[] → nothing', {"a": [], "b": []}, {"b": []}),
        ('"e":1 → "e":1,"data":"{}"', {"e": Number("1")}, {"e": Number("1"), "data": Embedded({})}),
        ('"5":1 → "5.5":1', [{"5": Number("1")}], [{"5.5": Number("1")}]),
    ],
)
def test_substitutions(word: str, before: object, after: object) -> None:
    assert read_substitution(word).apply(before) == after


def test_a_row_about_every_error_holds_for_those_without_a_row() -> None:
    data = {"code": Number("4200"), "message": "Invalid message format"}
    said = exchange({"A": [Message({"event": "pusher:error", "data": Embedded(data)})]})
    every = Differences([row('`{"data":{}}`', "every `pusher:error`")])
    assert every.expected(said) == {"A": [Message({"event": "pusher:error", "data": data})]}
    assert Differences([]).expected(said) == said.reverb


def test_a_row_that_describes_no_difference_is_stale() -> None:
    differences = Differences([row("`400 Bad…`")])
    with pytest.raises(DocumentError, match="no difference"):
        differences.expected(exchange({"A": [Answer(400, "Bad request.")]}))


def test_a_substitution_that_finds_nothing_is_stale() -> None:
    differences = Differences([row("`[] → {}`")])
    with pytest.raises(DocumentError, match="no difference"):
        differences.expected(exchange({"A": [Answer(200, {"a": Number("1")})]}))


@pytest.mark.parametrize("revurb", ["in words only", "`end` and `[] → {}`"])
def test_a_row_that_cannot_be_checked_is_an_error(revurb: str) -> None:
    with pytest.raises(DocumentError):
        row(revurb)


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("…", {"any": "thing"}, True),
        ("Bad…", "Bad luck", True),
        (Number("1"), Number("1.0"), False),
        (Number("1"), "1", False),
        ({}, [], False),
        (Embedded({}), {}, False),
        ({"a": "…"}, {"a": None, "b": None}, False),
        (Answer(400, "Bad request."), Answer(400, "Bad request. It is not JSON."), True),
        (Answer(405, "", (("allow", "GET"),)), Answer(405, ""), False),
    ],
)
def test_matching(expected: object, actual: object, same: bool) -> None:
    assert matches(expected, actual) is same
