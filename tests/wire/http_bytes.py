"""HTTP requests as bytes, and the reading of them in every chunking."""

from __future__ import annotations

from revurb.wire.http import HttpReader, Request
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
