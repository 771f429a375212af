"""Plain request heads, and what is not plain. That llhttp cuts them the same way is for tests/fuzz (target `http`)."""

from __future__ import annotations

import pytest

from revurb._speedups.heads import cut_head

HEAD = b"POST /apps/1/events?a=1&b=?c HTTP/1.1\r\nHost: x:80\r\nX-Empty:\r\nX-Spaced: \t a\tb \t\r\n\r\n"
PARTS = ("POST", "/apps/1/events", "a=1&b=?c", {"host": "x:80", "x-empty": "", "x-spaced": "a\tb"}, len(HEAD))


def test_the_parts_of_a_head() -> None:
    assert cut_head(HEAD) == PARTS


def test_what_is_behind_a_head_is_not_looked_at() -> None:
    assert cut_head(HEAD + b"\r\n\x00\xff body") == PARTS


def test_a_head_without_query_and_fields() -> None:
    assert cut_head(b"GET / HTTP/1.1\r\n\r\n") == ("GET", "/", "", {}, 18)


@pytest.mark.parametrize("size", range(len(HEAD)))
def test_a_part_of_a_head(size: int) -> None:
    assert cut_head(HEAD[:size]) is None


@pytest.mark.parametrize("size", [1, 64, 65, 1000])
def test_names_up_to_64_bytes(size: int) -> None:
    parts = cut_head(b"GET / HTTP/1.1\r\n%b: 1\r\n\r\n" % (b"X" * size))
    assert (parts is not None) == (size <= 64)
    assert parts is None or parts[3] == {"x" * size: "1"}


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /  HTTP/1.1\r\n\r\n",
        b"GET * HTTP/1.1\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
        b"GET /#a HTTP/1.1\r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\n\r\n",
        b"GET /\xe9 HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.1\r\n\rX",
        b"GET / HTTP/1.1\r\n: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \xe9\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\xc3\xa9: 1\r\n\r\n",
    ],
)
def test_what_is_not_plain(head: bytes) -> None:
    assert cut_head(head) is None


def test_only_bytes_are_cut() -> None:
    for data in (None, "GET", bytearray(HEAD)):
        with pytest.raises(TypeError):
            cut_head(data)  # type: ignore[arg-type]
