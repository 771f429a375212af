from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, HistoryRule


def test_names_and_patterns() -> None:
    rule = HistoryRule(channels=("news", "room-*"))
    assert [rule.matches(name) for name in ("news", "room-1", "room-", "news-1", "a-room-1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        (
            {"channels": "room-*"},
            TypeError,
            "HistoryRule.channels: found 'room-*'; allowed: a tuple of names",
        ),
        ({"channels": ()}, ValueError, "HistoryRule.channels: found ()"),
        ({"channels": ("a", "")}, ValueError, "HistoryRule.channels"),
        ({"channels": ("\ud800",)}, ValueError, "HistoryRule.channels"),
        ({"channels": ("a",), "size": 0}, ValueError, "HistoryRule.size: found 0"),
        ({"channels": ("a",), "size": 100_001}, ValueError, "allowed: an integer from 1 to 100000"),
        ({"channels": ("a",), "ttl_s": True}, TypeError, "HistoryRule.ttl_s"),
        ({"channels": ("a",), "ttl_s": 2_592_001}, ValueError, "HistoryRule.ttl_s: found 2592001"),
    ],
)
def test_what_is_not_allowed(fields: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        HistoryRule(**fields)
    assert words in str(caught.value)


@pytest.mark.parametrize("rules", ["room-*", [{"channels": ["a"]}], 5])
def test_an_app_has_rules_and_nothing_else(rules: Any) -> None:
    with pytest.raises(TypeError, match=r"App.history: found .*; allowed: a tuple of HistoryRule"):
        App(id="1", key="k", secret="s", history=rules)
