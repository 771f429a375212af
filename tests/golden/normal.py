"""The form in which answers are compared: what a client reads, not how it was spelled.

Rule 1: escapes and key order do not matter; order of frames, types and number literals do (`1.0` is not `1`).
Rule 2: a `data` string that holds a JSON object or list is compared as that JSON, but is never the same as
the object itself: clients decode it once more.
Rule 3: an expectation may say `…` for any value, and `text…` for a string that begins so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ANY = "…"
COMPARED_HEADERS = ("allow", "content-type", "sec-websocket-accept", "sec-websocket-version", "upgrade")


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number, as it is written."""

    literal: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """JSON inside a JSON string."""

    value: Any


@dataclass(frozen=True, slots=True)
class Message:
    """A text frame."""

    value: Any


@dataclass(frozen=True, slots=True)
class Control:
    """A ping or pong frame."""

    kind: str
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """A close frame, behind which the TCP connection ends. Its reason is for people and not compared."""

    code: int | None


@dataclass(frozen=True, slots=True)
class End:
    """The TCP connection ends without a close frame."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; of its headers only those in COMPARED_HEADERS."""

    status: int
    body: Any = ""
    headers: tuple[tuple[str, str], ...] = ()


Item = Message | Control | Closed | End | Answer
Outcome = dict[str, list[Item]]  # what each party got, in order


def read_json(text: str) -> Any:
    """Raises ValueError where the text is not JSON."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def embedded(text: str) -> Any:
    try:
        value = read_json(text)
    except ValueError:
        return text
    return Embedded(value) if isinstance(value, dict | list) else text


def read_message(text: str) -> Message:
    """A text frame; one that is not JSON is kept as its text."""
    try:
        value = read_json(text)
    except ValueError:
        return Message(text)
    if isinstance(value, dict) and isinstance(value.get("data"), str):
        value["data"] = embedded(value["data"])
    return Message(value)


def read_answer(status: int, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
    kept = tuple((name.lower(), value.strip()) for name, value in headers if name.lower() in COMPARED_HEADERS)
    text = body.decode("utf-8", "replace")
    is_json = any(name == "content-type" and "json" in value for name, value in kept)
    return Answer(status, read_json(text) if is_json and text else text, kept)


def matches(expected: Any, actual: Any) -> bool:
    """Whether `actual` is what `expected` says."""
    if expected == ANY:
        return True
    if isinstance(expected, Answer) and isinstance(actual, Answer):
        same_body = (
            actual.body.startswith(
                expected.body.removesuffix(ANY)
            )  # our error texts may go on behind Reverb's sentence
            if isinstance(expected.body, str) and isinstance(actual.body, str) and expected.body
            else matches(expected.body, actual.body)
        )
        got = dict(actual.headers)
        return (
            same_body
            and expected.status == actual.status
            and all(got.get(name, "").lower() == value.lower() for name, value in expected.headers)
        )
    if isinstance(expected, str):
        if isinstance(actual, str) and expected.endswith(ANY):
            return actual.startswith(expected.removesuffix(ANY))
        return bool(expected == actual)
    if type(expected) is not type(actual):
        return False
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(
            matches(expected[key], actual[key]) for key in expected
        )
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(matches, expected, actual))
    if isinstance(expected, Message | Embedded):
        return matches(expected.value, actual.value)
    return bool(expected == actual)


def same(expected: Outcome, actual: Outcome) -> bool:
    """Whether every party got what was expected, and those that nothing was expected for got nothing."""
    return all(matches(expected.get(who, []), actual.get(who, [])) for who in expected.keys() | actual.keys())


def to_json(value: Any) -> str:
    """A value for people: compact JSON, with JSON strings in «»."""
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, Embedded):
        return f"«{to_json(value.value)}»"
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{to_json(v)}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def show(items: Sequence[Item]) -> str:
    """Items for people, in the words of docs/compatibility.md."""
    words = []
    for item in items:
        match item:
            case Message(value):
                words.append(to_json(value))
            case Control(kind, payload):
                words.append(f"[{kind}] {payload}".rstrip())
            case Closed(code):
                words.append(f"close {code}")
            case End():
                words.append("end")
            case Answer(status, body):
                words.append(f"{status} {body if isinstance(body, str) else to_json(body)}".rstrip())
    return " · ".join(words) or "nothing"
