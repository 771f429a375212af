from __future__ import annotations

import pytest

from revurb.cli.terminal_text import escape_unprintable


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain, ünï and 日本", "plain, ünï and 日本"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
    ],
)
def test_only_what_prints_is_left(text: str, line: str) -> None:
    assert escape_unprintable(text) == line
