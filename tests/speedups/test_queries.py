"""Plain queries are cut as urllib cuts them, and signed as Pusher says; others are not cut."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb._speedups.queries import cut_query

SIGNED = "auth_key=k&auth_timestamp=1&auth_version=1.0&body_md5=0"
NAME = st.text("abc-_[]:?", min_size=0, max_size=3)
PARTS = st.lists(
    st.tuples(st.one_of(NAME, st.just("auth_signature")), st.text("abc=-é", max_size=3)), max_size=40
)


def test_what_an_sdk_sends() -> None:
    given = {
        "auth_key": "k",
        "auth_timestamp": "1",
        "auth_version": "1.0",
        "body_md5": "0",
        "auth_signature": "s",
    }
    assert cut_query(f"{SIGNED}&auth_signature=s") == (given, SIGNED)
    turned = "&".join(reversed(SIGNED.split("&")))
    assert cut_query(f"auth_signature=s&{turned}") == (given, SIGNED)


@pytest.mark.parametrize(
    ("query", "signed"),
    [
        ("", ""),
        ("a=", "a="),
        ("=", "="),
        ("a==b", "a==b"),
        ("auth_signature=1", ""),
        ("auth_signature2=1", "auth_signature2=1"),
        ("a=2&a=1", "a=1&a=2"),
    ],
)
def test_odd_and_plain(query: str, signed: str) -> None:
    assert cut_query(query) == (dict(parse_qsl(query, keep_blank_values=True)), signed)


@pytest.mark.parametrize(
    "query", ["a", "&", "a=1&", "&a=1", "a=1&&b=2", "a=1&b", "a=%41", "a=1+1", "a=é", "a=\u20ac"]
)
def test_what_is_not_plain(query: str) -> None:
    assert cut_query(query) is None


@pytest.mark.parametrize("count", [32, 33])
def test_up_to_32_parts(count: int) -> None:
    assert (cut_query("&".join(["a=1"] * count)) is None) == (count > 32)


@given(PARTS)
def test_as_urllib_cuts(parts: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in parts)
    cut = cut_query(query)
    if not query.isascii() or sum(name != "auth_signature" for name, _ in parts) > 32:
        assert cut is None
    elif cut is not None:
        signed = sorted(f"{name}={value}" for name, value in parts if name != "auth_signature")
        assert cut == (dict(parse_qsl(query, keep_blank_values=True, separator="&")), "&".join(signed))
    else:
        assert len(parts) > 32


def test_only_text_is_cut() -> None:
    for query in (None, b"a=1"):
        with pytest.raises(TypeError):
            cut_query(query)  # type: ignore[arg-type]
