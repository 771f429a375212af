from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.apps.channel_pattern import ChannelPattern


@pytest.mark.parametrize(
    ("pattern", "channel", "matches"),
    [
        ("chat", "chat", True),
        ("chat", "chat-1", False),
        ("chat-*", "chat-1", True),
        ("chat-*", "chat-", True),
        ("chat-*", "my-chat-1", False),
        ("*-room", "presence-room", True),
        ("presence-*-room", "presence-room", False),
        ("presence-*-room", "presence--room", True),
        ("*", "", True),
        ("*a*b*", "xxbxxaxxb", True),
        ("*a*b*", "xxbxxa", False),
        ("a*a", "a", False),
        ("chat.*", "chat-1", False),
    ],
)
def test_a_star_is_any_text(pattern: str, channel: str, matches: bool) -> None:
    assert ChannelPattern(pattern).matches(channel) is matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_as_a_regular_expression_would(pattern: str, channel: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert ChannelPattern(pattern).matches(channel) is bool(re.fullmatch(expression, channel))


def test_a_long_name_against_many_stars() -> None:
    """A regular expression would try each way to divide it: more than the age of the universe."""
    assert not ChannelPattern("*" + "a*" * 50 + "b").matches("a" * 10_000)
