"""Bytes that are no HTTP request, or one that may be read in two ways: a 4xx with a text, then the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import Ended, http

GOOD = "GET /up HTTP/1.1\r\nHost: x\r\n"
NAMED_BY_THE_RFC = (
    501,
    505,
)  # an unknown transfer coding, an unknown version (RFC 9112 6.1, RFC 9110 15.6.6)
POST = "POST /apps/app/events HTTP/1.1\r\nHost: x\r\n"


def request_lines() -> Iterator[tuple[str, str]]:
    yield "garbage", "garbage"
    yield "method-only", "GET"
    yield "no-version", "GET /up"
    yield "no-target", "GET  HTTP/1.1"
    yield "two-targets", "GET /up /up HTTP/1.1"
    yield "lower-case-method", "get /up HTTP/1.1"
    yield "unknown-method", "BREW /up HTTP/1.1"
    yield "method-with-colon", "GE:T /up HTTP/1.1"
    yield "version-0.9", "GET /up HTTP/0.9"
    yield "version-2.0", "GET /up HTTP/2.0"
    yield "version-3", "GET /up HTTP/3"
    yield "version-lower-case", "GET /up http/1.1"
    yield "version-of-words", "GET /up HTTP/one.one"
    yield "version-missing-dot", "GET /up HTTP/11"
    yield "other-protocol", "GET /up ICY/1.1"
    yield "relative-target", "GET up HTTP/1.1"
    yield "nul-in-target", "GET /u\0p HTTP/1.1"
    yield "http2-preface", "PRI * HTTP/2.0"
    yield "leading-space", " GET /up HTTP/1.1"
    yield "tab-for-space", "GET\t/up\tHTTP/1.1"


def header_lines() -> Iterator[tuple[str, str]]:
    yield "no-colon", "Bad Header"
    yield "empty-name", ": x"
    yield "space-in-name", "Bad Name: x"
    yield "space-before-colon", "Name : x"
    yield "folded", " folded: y"
    yield "nul-in-value", "X: a\0b"
    yield "bare-cr-in-value", "X: a\rb"
    yield "control-in-name", "X\x01: a"
    yield "bracket-in-name", "X[]: a"
    yield "length-of-words", "Content-Length: abc"
    yield "length-negative", "Content-Length: -5"
    yield "length-plus", "Content-Length: +5"
    yield "length-hex", "Content-Length: 0x10"
    yield "length-empty", "Content-Length:"
    yield "length-list", "Content-Length: 5, 5"
    yield "length-twice", "Content-Length: 5\r\nContent-Length: 6"
    yield "length-of-40-digits", "Content-Length: " + "9" * 40
    yield "length-and-chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked"
    yield "unknown-coding", "Transfer-Encoding: gzip"
    yield "chunked-not-last", "Transfer-Encoding: chunked, gzip"
    yield "two-hosts", "Host: y"


def bodies() -> Iterator[tuple[str, str]]:
    yield "size-of-words", "zz\r\n"
    yield "size-negative", "-1\r\n"
    yield "size-empty", "\r\n"
    yield "size-of-20-digits", "f" * 20 + "\r\n"
    yield "longer-than-said", "2\r\nabc\r\n0\r\n\r\n"


def cases() -> Iterator[tuple[str, bytes]]:
    for name, line in request_lines():
        yield name, f"{line}\r\nHost: x\r\n\r\n".encode()
    for name, line in header_lines():
        yield f"header-{name}", f"{POST}{line}\r\n\r\n".encode()
    for name, body in bodies():
        yield f"chunk-{name}", f"{POST}Transfer-Encoding: chunked\r\n\r\n{body}".encode()
    yield "no-host", b"GET /up HTTP/1.1\r\n\r\n"
    yield "bare-lf", b"GET /up HTTP/1.1\nHost: x\n\n"
    yield "bare-cr", b"GET /up HTTP/1.1\rHost: x\r\r"
    yield "zeros", bytes(64)
    yield "ones", b"\xff" * 64
    yield "tls-hello", bytes.fromhex("16030100750100007103") + bytes(110)
    yield "websocket-frame", b"\x81\x85\0\0\0\0hello"
    yield "long-target", f"GET /{'a' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    yield "long-query", f"GET /up?{'a' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    yield "long-header", f"{GOOD}X: {'a' * 20_000}\r\n\r\n".encode()
    yield "long-header-without-end", f"{GOOD}X: {'a' * 20_000}".encode()
    yield "long-name", f"{GOOD}{'a' * 20_000}: x\r\n\r\n".encode()
    yield "many-headers", GOOD.encode() + b"A: b\r\n" * 4000 + b"\r\n"
    yield "long-length", f"{POST}Content-Length: 10001\r\n\r\n".encode()
    yield "long-chunk", f"{POST}Transfer-Encoding: chunked\r\n\r\n2711\r\n{'a' * 10_001}".encode()
    yield (
        "long-chunks",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + b"64\r\n%b\r\n" % (b"a" * 100) * 101,
    )
    yield "endless-trailers", f"{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n".encode() + b"A: b\r\n" * 4000


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in cases()])
async def test_refused(raw: bytes, port: int) -> None:
    async with http(port) as connection:
        await connection.send_bytes(raw)
        response = await connection.response()
        assert 400 <= response.status < 500 or response.status in NAMED_BY_THE_RFC, response
        assert response.text, response
        with pytest.raises(Ended):
            await connection.response()


@pytest.mark.parametrize(
    "raw",
    [
        b"G",
        b"GET /up HTTP/1.1\r\n",
        b"GET /up HTTP/1.1\r\nHost: x",
        f"{POST}Content-Length: 5\r\n\r\nabc".encode(),
    ],
    ids=["a-letter", "request-line", "half-a-header", "half-a-body"],
)
async def test_a_request_that_does_not_go_on_is_ended(raw: bytes, port: int) -> None:
    async with http(port) as connection:
        await connection.send_bytes(raw)
        try:
            response = await connection.response()
            assert response.status == 408, response
        except Ended:
            pass  # without a word is fine too
