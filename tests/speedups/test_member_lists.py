"""The list of a presence channel's members, as it stands inside a JSON string."""

from __future__ import annotations

import json

import pytest

from revurb._speedups.member_lists import join_members


def test_ids_and_hash() -> None:
    texts = [b'\\"a\\"\0:{}', b"5\0:null", b"-1.5\0:1"]
    ids, members = join_members(texts)
    assert json.loads(json.loads(b'"[%b]"' % ids)) == ["a", 5, -1.5]
    assert json.loads(json.loads(b'"{%b}"' % members)) == {"a": {}, "5": None, "-1.5": 1}


def test_nobody() -> None:
    assert join_members([]) == (b"", b"")


@pytest.mark.parametrize("text", [b"", b"\0", b"\0:1", b"5:1"])
def test_a_text_without_id_or_mark(text: bytes) -> None:
    with pytest.raises(ValueError, match="has an id, and a NUL"):
        join_members([b"1\0:1", text])


@pytest.mark.parametrize("text", [None, "5", 5])
def test_what_is_no_text(text: object) -> None:
    with pytest.raises(TypeError):
        join_members([text])  # type: ignore[list-item]
