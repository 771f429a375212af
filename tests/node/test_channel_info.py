"""Ids of users as applications sign them."""

from __future__ import annotations

import pytest

from revurb.node.channel_info import signed_id
from revurb.pusher.ports import Member


@pytest.mark.parametrize(
    ("user_id", "id_json", "expected"),
    [("7", b'"7"', "7"), ("7", b"7", 7), ("9" * 30, b"9" * 30, int("9" * 30)), ("1.5", b"1.5", "1.5")],
)
def test_an_id_is_what_was_signed(user_id: str, id_json: bytes, expected: str | int) -> None:
    assert signed_id(Member(user_id, id_json, b"null")) == expected
