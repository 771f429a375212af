"""HTTP requests that are refused, in every chunking: by size, by syntax, at random."""

from __future__ import annotations

import gc
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb.wire.http import TLS_DETAIL, HttpReader, tokens
from tests.wire.http_bytes import (
    MAX_BODY,
    MAX_HEAD,
    chunked,
    get,
    new,
    post,
    read,
    reads,
    status,
    the_request,
)

# Other protocols


@pytest.mark.parametrize("before", [b"", b"\r\n", get()])
def test_a_tls_handshake_is_named_in_whatever_pieces_it_comes(before: bytes) -> None:
    hello = bytes.fromhex("1603010200010001fc0303") + b"\r\n\r\n" + bytes(50)
    for pieces in ([before + hello], [before, hello], [bytes([byte]) for byte in before + hello]):
        reader = new()
        for piece in pieces:
            reader.feed(piece)
        assert reader.failure is not None
        assert (reader.failure.status, reader.failure.detail) == (400, TLS_DETAIL)


# Limits


def test_the_head_limit_is_exact() -> None:
    padding = MAX_HEAD - len(get("X: "))
    fits, over = get("X: " + "a" * padding), get("X: " + "a" * (padding + 1))
    assert len(fits) == MAX_HEAD
    assert len(reads(fits * 3)[0]) == 3
    assert reads(over) == ([], 413)
    requests, failure = reads(fits + over)
    assert (len(requests), failure) == (1, 413)


def test_an_unfinished_head_is_refused_at_the_limit() -> None:
    reader = new()
    head = (get()[:-2] + b"X: " + b"a" * MAX_HEAD)[: MAX_HEAD + 1]
    reader.feed(head[:-1])
    assert status(reader) is None
    reader.feed(head[-1:])
    assert status(reader) == 413


def test_an_endless_request_line() -> None:
    assert reads(b"GET /" + b"a" * MAX_HEAD) == ([], 413)


def test_the_body_limit_is_judged_by_the_declared_length() -> None:
    for length in (MAX_BODY + 1, 10**9, (1 << 64) - 1):
        assert reads(post(f"Content-Length: {length}")) == ([], 413)


def test_the_body_limit_counts_chunks() -> None:
    assert the_request(chunked(b"a" * 50, b"b" * 50)).body == b"a" * 50 + b"b" * 50
    assert reads(chunked(b"a" * 50, b"b" * 51)) == ([], 413)
    assert reads(chunked(b"a" * 101)) == ([], 413)
    assert reads(chunked(b"a" * 101)[:-20] + b"\xff" * 50) == ([], 413)  # and is broken behind the limit


def test_chunks_of_one_byte() -> None:
    assert the_request(chunked(*[b"a"] * 100)).body == b"a" * 100


@pytest.mark.parametrize("endless", [b"1;x=", b"1\r\na\r\n0\r\nX-Trailer: "])
def test_what_is_around_the_chunks_is_limited(endless: bytes) -> None:
    reader = new()
    reader.feed(post("Transfer-Encoding: chunked", body=endless))
    for _ in range(0, MAX_HEAD + 8 * MAX_BODY, 100):
        assert status(reader) is None
        reader.feed(b"a" * 100)
    assert status(reader) == 413


def test_a_declared_length_costs_nothing() -> None:
    reader = HttpReader(max_head_bytes=MAX_HEAD, max_body_bytes=1 << 30)
    before = sys.getallocatedblocks()
    reader.feed(post("Content-Length: 1000000000", body=b"x"))
    assert reader.failure is None
    assert sys.getallocatedblocks() - before < 100


def test_a_reader_is_freed_with_its_last_reference() -> None:
    """One per connection: what only the cycle collector frees would pile up between its runs."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            reader = new()
            reader.feed(get() + post("Upgrade: h2c", "Connection: Upgrade", "Content-Length: 1", body=b"x"))
            reader.feed(b"garbage\r\n\r\n")
            del reader
        assert gc.collect() == 0
    finally:
        gc.enable()


# What is refused


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(data, status, id=f"{status} {data[:60]!r}")
        for status, data in [
            (400, b"garbage\r\n\r\n"),
            (400, b"get / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b" GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET\r\n\r\n"),
            (400, b"GET \r\n\r\n"),
            (400, b"GET up HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET ?a=b HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/11\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTPP/1.1\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
            (505, b"GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
            (505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
            (505, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
            (505, b"GET / HTTP/0.9\r\nHost: x\r\n\r\n"),
            (505, b"GET /\r\n\r\n"),
            (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            (400, b"PRI *\n\r\n\r\n"),
            (400, b"GET / HTTP/1.1\nHost: x\n\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\n\n"),
            (400, b"GET / HTTP/1.1\rHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nBad : x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nX:\r\n \r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nX\x80: b\r\n\r\n"),
            # Host: RFC 9112 3.2
            (400, b"GET / HTTP/1.1\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nHost: user@x\r\n\r\n"),
            (400, b"GET http://x/ HTTP/1.1\r\n\r\n"),
            # Where a body ends: RFC 9112 6.1, 6.3
            (400, post("Content-Length: abc")),
            (400, post("Content-Length: -5")),
            (400, post("Content-Length: +5")),
            (400, post("Content-Length: 0x5")),
            (400, post("Content-Length: 1_0")),
            (400, post("Content-Length: 5 5")),
            (400, post("Content-Length: 5, 5")),
            (400, post("Content-Length:")),
            (400, post("Content-Length: 1", "Content-Length: 1", body=b"x")),
            (400, post("Content-Length: 99999999999999999999999")),
            (400, post("Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
            (400, post("Transfer-Encoding: chunked", "Content-Length: 3", body=b"0\r\n\r\n")),
            (400, post("Transfer-Encoding: chunked", body=b"0\r\n\r\n").replace(b"1.1", b"1.0")),
            (501, post("Transfer-Encoding: gzip")),
            (501, post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
            (501, post("Transfer-Encoding: identity", body=b"0\r\n\r\n")),
            (501, post("Transfer-Encoding: gzip", "Upgrade: h2c", "Connection: Upgrade")),
            (400, post("Transfer-Encoding: chunked", body=b"x\r\n")),
            (400, post("Transfer-Encoding: chunked", body=b"-1\r\n")),
            (400, post("Transfer-Encoding: chunked", body=b"1 \r\na\r\n0\r\n\r\n")),
            (400, post("Transfer-Encoding: chunked", body=b"2\r\nabc\r\n0\r\n\r\n")),
            (400, post("Transfer-Encoding: chunked", body=b"1\na\n0\n\n")),
            (400, post("Transfer-Encoding: chunked", body=b"1\r\na0\r\n\r\n")),
            (400, post("Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n")),
            (417, post("Content-Length: 1", "Expect: 200-ok", body=b"x")),
            (417, get("Expect: 100-continue, more")),
            (400, b"GET /\n\r\nSM\r\n\r\n"),  # llhttp takes the line for a whole head of HTTP/0.9
            (501, b"CONNECT host:80 HTTP/1.1\r\nHost: host:80\r\n\r\n"),
        ]
    ],
)
def test_refused(data: bytes, status: int) -> None:
    assert reads(data) == ([], status)
    requests, failure = read([get(), data, get()])
    assert (len(requests), failure) == (1, status)
    reader = new()
    reader.feed(data)
    assert reader.failure is not None
    assert reader.failure.detail
    assert not reader.idle
    assert reader.take_rest() == b""


def test_chunking_and_length_in_a_malformed_order_smuggle_nothing() -> None:
    """The classic pairs (CL.TE, TE.CL, TE.TE): none of them yields a second request."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    for lines in (
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: x"),
        ("Transfer-Encoding: x", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding:\x0bchunked",),
        ("Transfer-Encoding: chunked, chunked"),
        ("Transfer-Encoding : chunked",),
        ("X: y\rTransfer-Encoding: chunked",),
    ):
        requests, failure = reads(post(*lines, body=b"0\r\n\r\n" + hidden))
        assert (requests, failure is not None) == ([], True), lines


# All of it at random


REQUESTS = st.lists(
    st.sampled_from(
        (
            get(),
            get("Connection: keep-alive", target="/a?b"),
            post("Content-Length: 6", body=b"\r\n\r\n\r\n"),
            post("Upgrade: h2c", "Connection: Upgrade", "Content-Length: 2", body=b"ab"),
            chunked(b"abc", b"\r\n\r\n", trailer=b"X: y\r\n"),
            b"\r\n",
        )
    ),
    max_size=4,
).map(b"".join)


@given(
    REQUESTS,
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3), st.binary(max_size=3)), max_size=3),
    st.lists(st.integers(0, 700), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_the_verdict_does_not_depend_on_the_chunking(
    data: bytes, changes: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    for at, gone, added in changes:
        at %= len(data) + 1
        data = data[:at] + added + data[at + gone :]
    points = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole = read([data])
    assert read([data[start:stop] for start, stop in pairwise(points)]) == whole
    assert read([data[at : at + 1] for at in range(len(data))]) == whole


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_garbage_never_raises(data: bytes) -> None:
    reads(data[:60])
    read([data])


def test_tokens() -> None:
    assert tokens("Keep-Alive ,\tUPGRADE,") == ("keep-alive", "upgrade", "")
