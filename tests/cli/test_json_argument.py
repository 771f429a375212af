"""JSON on the command line."""

from __future__ import annotations

import pytest

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.json_argument import json_argument


def test_the_value_is_given() -> None:
    assert json_argument("--user-info", '{"name":"Ann"}') == {"name": "Ann"}


@pytest.mark.parametrize(
    ("text", "hint"),
    [("{name:Ann}", "; the shell has taken quotes away"), ('{"a":', ""), ("[" * 100_000, "")],
)
def test_what_is_no_json_is_refused_with_2(text: str, hint: str) -> None:
    with pytest.raises(UnusableCommandLine) as error:
        json_argument("--user-info", text)
    assert error.value.message.startswith("--user-info: ")
    assert "allowed: JSON" in error.value.message
    assert hint in error.value.message
    assert error.value.exit_code == 2


def test_no_more_is_shown_than_can_be_read() -> None:
    for text in ("x" * 10_000, "1" * 10_000):
        with pytest.raises(UnusableCommandLine) as error:
            json_argument("--user-info", text)
        assert len(error.value.message) < 500
