"""docs/compatibility.md, read by the golden tests.

The tables of what was captured, in its first part, have the columns `id | where | Reverb | Revurb | why`. `where` names
captures and steps; in the Revurb column, backticks hold what goes over the wire instead, in the notation of
`read_token`. So they do in the table of what was not captured, whose columns are `id | input | Reverb | Revurb | why`.
Those of the second part have `Pusher` in the place of `Reverb`, say what goes over the wire as well as in Reverb, and
may name tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.golden.capture import Exchange
from tests.golden.normal import (
    ANY,
    Answer,
    Closed,
    Control,
    Embedded,
    End,
    Item,
    Message,
    Outcome,
    embedded,
    matches,
    read_json,
    read_message,
    same,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
COLUMNS = ["id", "where", "Reverb", "Revurb", "why"]
UNCAPTURED = ["id", "input", "Reverb", "Revurb", "why"]
PUSHER_COLUMNS = ["id", "where", "Pusher", "Revurb", "why"]
EVERY_ANSWER = "every HTTP answer"
EVERY_ERROR = "every `pusher:error`"
NO_CHANNEL = ("pusher:connection_established", "pusher:ping", "pusher:pong")


class DocumentError(Exception):
    """A row that cannot be understood; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """`before → after`: Reverb's outcome, with each `before` in it replaced; `→ nothing` leaves it away."""

    before: Any
    after: Any

    def apply(self, value: Any) -> Any:
        """A value or the entry of an object, wherever in `value` it stands."""
        if isinstance(self.before, dict) and isinstance(value, dict):
            ((old_key, old),) = self.before.items()
            changed: dict[str, Any] = {}
            for key, item in value.items():
                changed.update(self.after if (key, item) == (old_key, old) else {key: self.apply(item)})
            return changed
        if not isinstance(self.before, dict) and value == self.before:
            return self.after
        if isinstance(value, dict):
            return {key: self.apply(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        if isinstance(value, Embedded):
            return Embedded(self.apply(value.value))
        if isinstance(value, Message):
            return Message(self.apply(value.value))
        if isinstance(value, Answer):
            return Answer(value.status, self.apply(value.body), value.headers)
        return value


@dataclass(frozen=True, slots=True)
class Row:
    """One deliberate difference."""

    id: str
    where: tuple[tuple[str, int], ...]  # capture and step; none for a row about every answer of a kind
    tokens: tuple[
        tuple[str | None, str], ...
    ]  # who gets it (None: whoever acted), and the words in backticks
    every: str = ""  # EVERY_ANSWER, EVERY_ERROR, or nothing
    tests: tuple[tuple[str, str], ...] = ()  # path and function

    @property
    def substitutions(self) -> list[Substitution]:
        return [read_substitution(word) for _, word in self.tokens if " → " in word]

    def outcome(self, exchange: Exchange) -> Outcome:
        """What this row says everybody gets in `exchange`; that a trigger is answered goes without saying."""
        outcome: Outcome = {"HTTP": exchange.reverb["HTTP"]} if exchange.kind == "trigger" else {}
        for who, word in self.tokens:
            items = outcome.setdefault(who or exchange.who, [])
            items.extend(read_token(word, exchange.channel))
        return outcome


def read_rows(document: str, columns: Sequence[str] = COLUMNS) -> list[Row]:
    """The rows of all tables with these columns. Raises DocumentError."""
    rows = [_read_row(cells) for cells in _tables(document, columns)]
    ids = [row.id for row in rows]
    doubled = {each for each in ids if ids.count(each) > 1}
    if doubled:
        raise DocumentError(f"ids used twice: {sorted(doubled)}")
    return rows


def read_uncaptured(document: str) -> dict[str, list[str]]:
    """The words in backticks of the Revurb column, by id, of what was not captured. Raises DocumentError."""
    found: dict[str, list[str]] = {}
    for cells in _tables(document, UNCAPTURED):
        if len(cells) != len(UNCAPTURED) or not all(cells) or cells[0] in found:
            raise DocumentError(
                f"a row needs {len(UNCAPTURED)} cells that say something, and a new id: {cells}"
            )
        found[cells[0]] = re.findall("`([^`]+)`", cells[3])
    return found


def _tables(document: str, columns: Sequence[str]) -> Iterator[list[str]]:
    """The cells of each row of the tables with these columns."""
    lines = document.splitlines()
    for number, line in enumerate(lines):
        if _cells(line) != columns:
            continue
        for following in lines[number + 2 :]:
            if not following.startswith("|"):
                break
            yield _cells(following)


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _read_row(cells: Sequence[str]) -> Row:
    if len(cells) != len(COLUMNS) or not all(cells):
        raise DocumentError(f"a row needs {len(COLUMNS)} cells that say something: {cells}")
    row_id, where, _, revurb, _ = cells
    tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", where)
    tokens: list[tuple[str | None, str]] = []
    who = None
    for bold, code in re.findall(r"\*\*(\w+)\*\*|`([^`]+)`", revurb):
        if bold:
            who = bold
        else:
            tokens.append((who, code))
    every = where if where in (EVERY_ANSWER, EVERY_ERROR) else ""
    places = () if every or (tests and "` " not in where) else tuple(_read_where(row_id, where))
    if not tokens and (places or every):
        raise DocumentError(f"{row_id}: nothing in backticks says what Revurb answers")
    row = Row(row_id, places, tuple(tokens), every, tuple(tests))
    kinds = {" → " in word for _, word in tokens}
    if len(kinds) > 1:
        raise DocumentError(f"{row_id}: either all of the answer or only substitutions")
    return row


def _read_where(row_id: str, where: str) -> Iterator[tuple[str, int]]:
    places = re.findall(r"`([\w-]+)` ((?:\d+(?:-\d+)?(?:, )?)+)", where)
    if not places:
        raise DocumentError(f"{row_id}: `capture` and step numbers expected, found {where!r}")
    for name, numbers in places:
        for each in numbers.rstrip(", ").split(", "):
            first, _, last = each.partition("-")
            yield from ((name, step) for step in range(int(first), int(last or first) + 1))


def read_substitution(word: str) -> Substitution:
    before, _, after = word.partition(" → ")
    return Substitution(_fragment(before), {} if after == "nothing" else _fragment(after))


def _fragment(text: str) -> Any:
    """A JSON value, or `"key":value` of an object, of which `data` is read as that of a frame."""
    try:
        return read_json(text)
    except ValueError:
        return read_message("{" + text + "}").value


def read_token(word: str, channel: str | None) -> list[Item]:
    """What one pair of backticks stands for.

    `nothing` · `end` (TCP, without a close frame) · `close 4001` · `error 4009` or `error 4009 its text` ·
    `[pong] payload` · `400`, `400 its text…`, `200 {"json":1}`, `200 ""` (no body) · a whole frame as JSON ·
    `event` or `event {"its":"data"}`, on the channel that is being spoken of
    """
    head, _, rest = word.partition(" ")
    if word == "nothing":
        return []
    if word == "end":
        return [End()]
    if head == "close":
        return [Closed(int(rest))]
    if head == "error":
        code, _, text = rest.partition(" ")
        data = {"code": read_json(code), "message": text or ANY}
        return [Message({"event": "pusher:error", "data": data})]
    if head in ("[ping]", "[pong]"):
        return [Control(head.strip("[]"), rest)]
    if re.fullmatch(r"[1-5]\d\d", head):
        if rest == '""':
            return [Answer(int(head), "")]
        return [Answer(int(head), read_json(rest) if rest[:1] in ("{", "[") else rest or ANY)]
    if word.startswith("{"):
        frame = read_json(word)
        if isinstance(frame.get("data"), str):
            frame["data"] = embedded(frame["data"])
        return [Message(frame)]
    message: dict[str, Any] = {"event": head}
    if rest:
        message["data"] = Embedded(read_json(rest))
    if channel is not None and head not in NO_CHANNEL:
        message["channel"] = channel
    return [Message(message)]


class Differences:
    """The rows by what they are about."""

    def __init__(self, rows: Sequence[Row]) -> None:
        versions = [word for row in rows if row.every == EVERY_ANSWER for _, word in row.tokens]
        self.http_version = versions[0] if versions else "HTTP/1.0"  # of every answer; Reverb's by default
        self._errors_are_objects = any(row.every == EVERY_ERROR for row in rows)
        self._by_place: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            for place in row.where:
                self._by_place.setdefault(place, []).append(row)

    @property
    def places(self) -> set[tuple[str, int]]:
        return set(self._by_place)

    def rows_at(self, exchange: Exchange) -> list[Row]:
        return self._by_place.get((exchange.capture, exchange.step), [])

    def expected(self, exchange: Exchange) -> Outcome:
        """What everybody gets from Revurb. Raises DocumentError where the rows say nothing, or too much."""
        outcome = exchange.reverb
        if self._errors_are_objects:
            outcome = {who: [_with_object(item) for item in items] for who, items in outcome.items()}
        rows = self.rows_at(exchange)
        whole = [row for row in rows if not row.substitutions]
        if whole and len(rows) > 1:
            raise DocumentError(f"{[row.id for row in rows]} speak of {exchange.capture} {exchange.step}")
        for row in rows:
            before = outcome
            if whole:
                outcome = row.outcome(exchange)
            for substitution in row.substitutions:
                outcome = {
                    who: [substitution.apply(item) for item in items] for who, items in outcome.items()
                }
            if same(outcome, before) or _equal(outcome, before):
                place = f"{exchange.capture} {exchange.step} ({exchange.label})"
                raise DocumentError(f"{row.id} describes no difference at {place}")
        return outcome


def _with_object(item: Item) -> Item:
    """An error whose data is text, as one whose data is the object in it."""
    if (
        isinstance(item, Message)
        and isinstance(item.value, dict)
        and item.value.get("event") == "pusher:error"
    ):
        data = item.value["data"]
        return Message({**item.value, "data": data.value if isinstance(data, Embedded) else data})
    return item


def _equal(one: Outcome, other: Outcome) -> bool:
    return one == other and all(matches(other[who], one[who]) for who in one)
