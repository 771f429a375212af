from __future__ import annotations

import json

import pytest

from revurb.observe.printable import escape_json, escape_lines, escape_unprintable


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain, ünï and 日本", "plain, ünï and 日本"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\x85", "\\x85"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
    ],
)
def test_only_what_prints_is_left(text: str, line: str) -> None:
    assert escape_unprintable(text) == line


def test_lines_and_tabs_may_stay() -> None:
    assert escape_lines("a\tb\nc\r\x9b\u2028") == "a\tb\nc\\r\\x9b\\u2028"
    assert escape_lines("plain") == "plain"


@pytest.mark.parametrize("text", ["plain 日本", "\x00\x1b\x7f\x85\x9b\u202e\u2028\U000e0001"])
def test_json_stays_json(text: str) -> None:
    escaped = escape_json(json.dumps({text: text}, ensure_ascii=False))
    assert escaped.isprintable()
    assert json.loads(escaped) == {text: text}
    assert ("日" in escaped) == ("日" in text)
