"""HTTP responses as bytes."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revurb.wire.response import Response, encode_response, http_date

DATE = "Mon, 23 Nov 2026 11:58:38 GMT"


@given(st.integers(0, 253_402_300_799))  # to the end of the year 9999
def test_a_date_is_as_the_standard_library_writes_it(now_s: int) -> None:
    assert http_date(now_s) == formatdate(now_s, usegmt=True)


def test_json() -> None:
    assert encode_response(Response(200, b"{}"), keep_alive=True, date=DATE) == (
        b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: application/json\r\n"
        b"Cache-Control: no-cache, private\r\n"
        b"Date: Mon, 23 Nov 2026 11:58:38 GMT\r\n"
        b"Content-Length: 2\r\n"
        b"\r\n"
        b"{}"
    )


def test_text_that_ends_the_connection() -> None:
    response = Response(404, b"Not found.", "text/plain; charset=utf-8")
    assert encode_response(response, keep_alive=False) == (
        b"HTTP/1.1 404 Not Found\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Connection: close\r\n"
        b"Content-Length: 10\r\n"
        b"\r\n"
        b"Not found."
    )


def test_further_headers() -> None:
    response = Response(405, headers=(("Allow", "GET"), ("X-Name", "caf\xe9")))
    head = encode_response(response, keep_alive=True).split(b"\r\n")
    assert head[:3] == [b"HTTP/1.1 405 Method Not Allowed", b"Allow: GET", b"X-Name: caf\xe9"]
    assert b"Content-Length: 0" in head


def test_the_head_alone() -> None:
    """RFC 9110 9.3.2: HEAD is told the length of what GET would have got."""
    response = Response(200, b"x" * 1234)
    whole = encode_response(response, keep_alive=True)
    head = encode_response(response, keep_alive=True, head_only=True)
    assert head.endswith(b"Content-Length: 1234\r\n\r\n")
    assert whole == head + response.body


@pytest.mark.parametrize("status", [101, 204, 304])
def test_statuses_without_a_body(status: int) -> None:
    """RFC 9110 8.6, 15.4.5: a body or a length here would be read as the next response."""
    written = encode_response(Response(status, b"ignored"), keep_alive=True)
    assert written.endswith(b"\r\n\r\n")
    assert b"Content-" not in written


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (401, b"HTTP/1.1 401 Unauthorized"),
        (413, b"HTTP/1.1 413 Request Entity Too Large"),
        (422, b"HTTP/1.1 422 Unprocessable Content"),
        (503, b"HTTP/1.1 503 Service Unavailable"),
        (599, b"HTTP/1.1 599 "),
    ],
)
def test_status_lines(status: int, line: bytes) -> None:
    assert encode_response(Response(status), keep_alive=True).split(b"\r\n")[0] == line


def test_two_responses_do_not_mix() -> None:
    """Heads are remembered: by everything that is in them."""
    seen = {
        encode_response(Response(status, b"", kind, headers), keep_alive=keep_alive, date=date)
        for status in (200, 404)
        for kind in ("application/json", "text/plain")
        for headers in ((), (("A", "1"),), (("A", "2"),))
        for keep_alive in (True, False)
        for date in ("", DATE)
    }
    assert len(seen) == 2 * 2 * 3 * 2 * 2


@pytest.mark.parametrize(
    "header",
    [
        ("X", "a\r\nSet-Cookie: b"),
        ("X", "a\nb"),
        ("X", "a\0b"),
        ("X", "漢"),
        ("X\r\nY", "a"),
        ("X: Y", "a"),
        ("X Y", "a"),
        ("", "a"),
    ],
)
def test_a_header_cannot_start_another_line(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        encode_response(Response(200, headers=(header,)), keep_alive=True)
