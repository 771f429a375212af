"""Halves of surrogate pairs: found wherever they are, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.pusher.lone_surrogates import MARK, MAX_HALVES, has_any, hide, show

HALVES = [
    r'"\ud83d"',
    r'"\uDE00"',
    r'{"t":"cut \ud83d"}',
    r'{"\udc00":1}',
    r'["\ud83d\ud83d\ude00"]',
    r'["\ude00\ud83d"]',
    r'"\\\ud83d"',
    r'"\\ud83d\ude00"',  # an escaped backslash in front of what looks like the first half
    r'"\n\u00e9\ud83dx"',
]
NONE = [r'"\ud83d\ude00"', r'"\\ud83d"', r'"\u00e9\n"', '"é😀"', "{}", r'"\ud8"', r'"\ud83"', r'"\uzzzz"']


@pytest.mark.parametrize("text", HALVES)
def test_what_is_hidden_can_be_decoded_and_comes_back(text: str) -> None:
    raw = text.encode()
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(raw)
    hidden = hide(raw)
    assert hidden is not None
    assert MARK in json.dumps(msgspec.json.decode(hidden), ensure_ascii=False)
    assert show(hidden) == raw


@pytest.mark.parametrize("text", NONE)
def test_what_has_no_half_is_left_alone(text: str) -> None:
    assert hide(text.encode()) is None


def test_what_could_not_be_undone_is_not_done() -> None:
    assert hide(rf'"{MARK}\ud83d"'.encode()) is None


def test_nobody_waits_for_a_message_of_nothing_else() -> None:
    half = rb"\ud83d"
    assert hide(b'"%b"' % (half * MAX_HALVES)) is not None
    assert hide(b'"%b"' % (half * (MAX_HALVES + 1))) is None


def test_texts_with_a_half_are_known() -> None:
    hidden = hide(rb'["\ud83d","x"]')
    assert hidden is not None
    assert [has_any(text) for text in orjson.loads(hidden)] == [True, False]


PIECES = st.sampled_from([r"\ud83d", r"\ude00", "\\\\", r"\"", r"\n", r"\u0041", "ud83d", "a", "é", "😀"])


@given(st.lists(PIECES, max_size=12))
def test_any_text_that_python_reads_is_read(pieces: list[str]) -> None:
    """Python's decoder takes halves as they are, and is the judge of which there are."""
    text = '"' + "".join(pieces) + '"'
    whole: Any = json.loads(text)
    has_half = any("\ud800" <= character <= "\udfff" for character in whole)
    hidden = hide(text.encode())
    assert (hidden is not None) == has_half
    if hidden is not None:
        decoded = msgspec.json.decode(hidden)
        assert show(hidden) == text.encode()
        assert len(decoded) == len(whole) + 4 * sum("\ud800" <= character <= "\udfff" for character in whole)
