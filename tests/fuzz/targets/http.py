"""HTTP/1.1 heads and bodies: the same requests and the same verdict however the bytes are cut."""

from __future__ import annotations

from revurb.wire.http import HttpReader, Request
from tests.fuzz.cutting import split

MAX_HEAD_BYTES = 400
MAX_BODY_BYTES = 100
STATUSES = (400, 413, 417, 501, 505)


def read(pieces: list[bytes]) -> tuple[list[Request], tuple[int, str] | None, bytes]:
    reader = HttpReader(max_head_bytes=MAX_HEAD_BYTES, max_body_bytes=MAX_BODY_BYTES)
    requests: list[Request] = []
    stopped = False
    for piece in pieces:
        more = reader.feed(piece)
        assert not (stopped and more)
        requests += more
        stopped = reader.failure is not None or (bool(requests) and not requests[-1].keep_alive)
        reader.take_continue()
        assert not reader.take_continue()
    error = reader.failure
    failure = None if error is None else (error.status, error.detail)
    if stopped:
        assert reader.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == []
        assert reader.failure is error
    upgraded = error is None and bool(requests) and requests[-1].upgrade
    rest = reader.take_rest()
    assert upgraded or not rest
    return requests, failure, rest.removesuffix(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def check(data: bytes) -> None:
    stream, pieces = split(data)
    requests, failure, rest = outcome = read([stream])
    assert read(pieces) == outcome
    assert read([stream[at : at + 1] for at in range(len(stream))]) == outcome
    assert stream.endswith(rest)
    assert failure is None or failure[0] in STATUSES
    for request in requests:
        assert len(request.body) <= MAX_BODY_BYTES
        head = [request.method, request.path, request.query, *request.headers, *request.headers.values()]
        # A field that comes often has its values joined with two characters, fewer than it took to repeat its name.
        assert sum(map(len, head)) <= MAX_HEAD_BYTES
        assert request.path.startswith(("/", "*"))
        assert all(name == name.lower() for name in request.headers)
        assert not any(character in text for text in head for character in "\r\n")
        assert not (request.keep_alive and request.upgrade)
    assert all(request.keep_alive for request in requests[:-1])
