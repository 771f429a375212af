"""HTTP requests out of bytes, in every chunking: what is read, what is refused, and when."""

from __future__ import annotations

import gc
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revurb.wire.http import HttpReader, Request, tokens
from tests.speedups.wire_bytes import every_split

MAX_HEAD, MAX_BODY = 400, 100


def new() -> HttpReader:
    return HttpReader(max_head_bytes=MAX_HEAD, max_body_bytes=MAX_BODY)


def read(pieces: list[bytes]) -> tuple[list[Request], int | None]:
    reader = new()
    requests = [request for piece in pieces for request in reader.feed(piece)]
    return requests, status(reader)


def status(reader: HttpReader) -> int | None:
    return None if reader.failure is None else reader.failure.status


def reads(data: bytes) -> tuple[list[Request], int | None]:
    """What is read from `data`, the same in every chunking."""
    outcome = read([data])
    for pieces in every_split(data):
        assert read(pieces) == outcome
    return outcome


def the_request(data: bytes) -> Request:
    requests, failure = reads(data)
    assert failure is None
    (request,) = requests
    return request


def get(*lines: str, target: str = "/up", version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/{version}", "Host: x", *lines, "", ""]).encode("latin-1")


def post(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["POST /events HTTP/1.1", "Host: x", *lines, "", ""]).encode() + body


def chunked(*parts: bytes, trailer: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return post("Transfer-Encoding: chunked", body=chunks + b"0\r\n" + trailer + b"\r\n")


# Requests


def test_a_request_and_its_parts() -> None:
    assert the_request(get("X-Name:  caf\xe9 \t", "accept: */*", target="/a/%2F?b=%20c&d")) == Request(
        method="GET",
        path="/a/%2F",
        query="b=%20c&d",
        headers={"host": "x", "x-name": "caf\xe9", "accept": "*/*"},
        body=b"",
        version="1.1",
        keep_alive=True,
        upgrade=False,
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_methods(method: str) -> None:
    assert the_request(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode()).method == method


def test_repeated_fields_are_joined() -> None:
    """RFC 9110 5.3."""
    request = the_request(get("X-A: 1", "X-B: 2", "x-a: 3", "X-A:"))
    assert (request.headers["x-a"], request.headers["x-b"]) == ("1, 3, ", "2")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/?", "/", ""),
        ("/a?b?c=/d", "/a", "b?c=/d"),
        ("//up", "//up", ""),
        ("/up/../up", "/up/../up", ""),
        ("/up#part", "/up", ""),
        ("/up?x=1#part?y", "/up", "x=1"),
        ("/a://b/c", "/a://b/c", ""),
        ("http://host:80/up?x=1", "/up", "x=1"),
        ("http://host", "/", ""),
        ("http://host?x=/1", "/", "x=/1"),
        ("https://[::1]:80/a/b#c", "/a/b", ""),
    ],
)
def test_targets(target: str, path: str, query: str) -> None:
    """RFC 9112 3.2: origin-form and absolute-form."""
    request = the_request(get(target=target))
    assert (request.path, request.query) == (path, query)


def test_asterisk_form() -> None:
    assert the_request(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").path == "*"


def test_empty_lines_before_a_request() -> None:
    """RFC 9112 2.2."""
    assert len(reads(b"\r\n\r\n" + get() + b"\r\n" + get() + b"\r\n")[0]) == 2


@pytest.mark.parametrize("host", ["x", "", "a.b:80", "[::1]:80", "a_b-c~d", "%41"])
def test_hosts(host: str) -> None:
    assert the_request(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).headers["host"] == host


# Keep-alive and pipelining


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        ("1.1", None, True),
        ("1.1", "keep-alive", True),
        ("1.1", "close", False),
        ("1.1", "Close", False),
        ("1.1", "foo, CLOSE", False),
        ("1.1", "closed", True),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_keep_alive(version: str, connection: str | None, keep_alive: bool) -> None:
    """RFC 9112 9.3. What follows the last request of a connection is not read."""
    data = get(*([f"Connection: {connection}"] if connection else []), version=version)
    requests, failure = reads(data + get(target="/second"))
    assert failure is None
    assert [request.path for request in requests] == ["/up", "/second"][: 1 + keep_alive]
    assert (requests[0].keep_alive, requests[0].version) == (keep_alive, version)


def test_http_1_0_needs_no_host() -> None:
    assert the_request(b"GET / HTTP/1.0\r\n\r\n").headers == {}


def test_pipelining_of_all_kinds() -> None:
    data = (
        get(target="/1")
        + post("Content-Length: 3", body=b"abc")
        + chunked(b"de", b"f")
        + post("Content-Length: 0")
        + get(target="/2")
    )
    requests, failure = reads(data)
    assert failure is None
    assert [(request.path, request.body) for request in requests] == [
        ("/1", b""),
        ("/events", b"abc"),
        ("/events", b"def"),
        ("/events", b""),
        ("/2", b""),
    ]


def test_what_came_before_a_failure_is_returned() -> None:
    requests, failure = reads(get() + post("Content-Length: 1", body=b"x") + b"garbage\r\n\r\n" + get())
    assert ([request.method for request in requests], failure) == (["GET", "POST"], 400)


def test_idle() -> None:
    reader = new()
    steps = [
        (b"", True),
        (b"\r\n\r", True),
        (b"P", False),
        (post("Content-Length: 2")[1:], False),
        (b"x", False),
        (b"y", True),
        (get(), True),
        (get() + b"GE", False),
    ]
    for data, idle in steps:
        reader.feed(data)
        assert reader.idle is idle


# Bodies


def test_bodies_with_a_length() -> None:
    assert the_request(post("Content-Length: 5", body=b"\r\n\r\nx")).body == b"\r\n\r\nx"
    assert the_request(post("Content-Length: 100", body=b"x" * 100)).body == b"x" * 100
    assert the_request(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab").body == b"ab"


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"a",),
        (b"hello ", b"world"),
        (b"\r\n\r\n", b"\r\n", b"0\r\n\r\n"),
        (b"x\r\n\r", b"\n\r\n\r\n\r", b"\r\n"),
        (b"a" * 100,),
    ],
)
def test_chunked_bodies(parts: tuple[bytes, ...]) -> None:
    """RFC 9112 7.1. What ends a chunked body may also be inside it."""
    request = the_request(chunked(*parts))
    assert request.body == b"".join(parts)
    requests, failure = reads(chunked(*parts) + get())
    assert ([r.method for r in requests], failure) == (["POST", "GET"], None)


def test_chunk_extensions_and_trailers_are_dropped() -> None:
    data = post(
        "Transfer-Encoding: CHUNKED", body=b'2;a=b;c="d"\r\nab\r\n0;x\r\nX-T: 1\r\nHost: evil\r\n\r\n'
    )
    request = the_request(data)
    assert request.body == b"ab"
    assert request.headers == {"host": "x", "transfer-encoding": "CHUNKED"}


def test_a_body_without_a_length_is_the_next_request() -> None:
    requests, failure = reads(post(body=b'{"name":"e"}'))
    assert ([request.body for request in requests], failure) == ([b""], 400)


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


# Expect


def test_expect_is_reported_until_the_body_comes() -> None:
    reader = new()
    head = post("Content-Length: 2", "Expect: 100-Continue")
    waiting = []
    for data in (head[:-1], head[-1:], b""):
        reader.feed(data)
        waiting.append(reader.waiting_for_continue)
    assert waiting == [False, True, True]
    assert [reader.take_continue(), reader.waiting_for_continue, reader.take_continue()] == [
        True,
        False,
        False,
    ]
    assert [request.body for request in reader.feed(b"ab")] == [b"ab"]


@pytest.mark.parametrize(
    "data",
    [
        post("Content-Length: 2", "Expect: 100-continue", body=b"a"),
        post("Transfer-Encoding: chunked", "Expect: 100-continue", body=b"1"),
        post("Content-Length: 2", "Expect: 100-continue", body=b"ab"),
        post("Content-Length: 0", "Expect: 100-continue"),
        post("Expect: 100-continue"),
        post("Content-Length: 2", "Expect: 100-continue", "Connection: keep-alive").replace(b"1.1", b"1.0"),
    ],
)
def test_nobody_waits_for_continue(data: bytes) -> None:
    """The body has begun, or there is none, or the peer does not know of it (RFC 9110 10.1.1)."""
    reader = new()
    reader.feed(data)
    assert reader.failure is None
    assert not reader.take_continue()


def test_a_body_that_is_too_large_is_not_asked_for() -> None:
    reader = new()
    reader.feed(post("Content-Length: 101", "Expect: 100-continue"))
    assert reader.failure is not None
    assert not reader.take_continue()


# Upgrades


@pytest.mark.parametrize("connection", [["Connection: Upgrade"], ["Connection: keep-alive, upgrade"], []])
@pytest.mark.parametrize("token", ["websocket", "WebSocket", "h2c", "anything, else"])
@pytest.mark.parametrize("length", [[], ["Content-Length: 0"]])
def test_an_upgrade_stops_the_reader(token: str, connection: list[str], length: list[str]) -> None:
    data = get(f"Upgrade: {token}", *connection, *length)
    frames = b"\x81\x85\r\n\r\nGET / HTTP/1.1"
    for pieces in every_split(data + frames):
        reader = new()
        requests = [request for piece in pieces for request in reader.feed(piece)]
        assert reader.failure is None
        assert [(request.upgrade, request.keep_alive) for request in requests] == [(True, False)]
        assert not reader.idle
        assert reader.take_rest() == frames
        assert reader.take_rest() == b""


@pytest.mark.parametrize("connection", [["Connection: Upgrade, HTTP2-Settings"], []])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_offer_with_a_body_is_a_plain_request(method: str, connection: list[str]) -> None:
    """curl --http2 sends this. llhttp alone would skip the body and stop."""
    lines = ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", *connection]
    sized = post(*lines, "Content-Length: 4", body=b"abcd").replace(b"POST", method.encode())
    in_chunks = post(*lines, "Transfer-Encoding: chunked", body=b"4\r\nabcd\r\n0\r\n\r\n")
    data = sized + in_chunks + sized + get(target="/last")
    requests, failure = reads(data)
    assert failure is None
    assert [(request.body, request.upgrade, request.keep_alive) for request in requests] == [
        (b"abcd", False, True),
        (b"abcd", False, True),
        (b"abcd", False, True),
        (b"", False, True),
    ]
    assert [request.method for request in requests] == [method, "POST", method, "GET"]
    assert requests[0].headers["upgrade"] == "h2c"


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE", "OPTIONS"])
def test_an_offer_without_a_body_is_a_plain_request(method: str) -> None:
    data = get("Upgrade: websocket", "Connection: Upgrade").replace(b"GET", method.encode()) + get()
    requests, failure = reads(data)
    assert failure is None
    assert [(request.method, request.upgrade) for request in requests] == [(method, False), ("GET", False)]


def test_the_limits_hold_behind_an_offer() -> None:
    offer = ("Upgrade: h2c", "Connection: Upgrade")
    assert reads(post(*offer, "Content-Length: 101"))[1] == 413
    assert reads(post(*offer, "Transfer-Encoding: chunked", body=b"65\r\n" + b"a" * 101))[1] == 413
    assert reads(post(*offer, "Transfer-Encoding: chunked", body=b"x\r\n"))[1] == 400


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
    assert tokens("Keep-Alive ,\tUPGRADE,") == ["keep-alive", "upgrade", ""]
