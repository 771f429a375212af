"""HTTP requests out of bytes, in every chunking: what is read, and when."""

from __future__ import annotations

import pytest

from revurb.wire.http import Request
from tests.speedups.wire_bytes import every_split
from tests.wire.http_bytes import (
    chunked,
    get,
    new,
    post,
    reads,
    the_request,
)

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
