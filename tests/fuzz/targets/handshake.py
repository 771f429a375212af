"""The opening handshake: a request becomes a WebSocket by RFC 6455 4.2.1, or gets one of the documented answers."""

from __future__ import annotations

import base64
import hashlib
import re

from revurb._speedups.handshakes import cut_handshake
from revurb.wire.handshake import HandshakeError, accept, choose_subprotocol
from revurb.wire.http import HttpReader, Request

STATUSES = (400, 405, 426, 505)


def check(data: bytes) -> None:
    check_plain(data)
    for request in HttpReader(max_head_bytes=1000, max_body_bytes=100).feed(data):
        check_request(request)


def check_plain(data: bytes) -> bool:
    """What is a plain handshake to the kernel is the same to who reads it with care; whether it is one."""
    plain, strict = cut_handshake(data, False), cut_handshake(data, True)
    if plain is None:
        assert strict is None
        return False
    path, origin, answer = plain
    reader = HttpReader(max_head_bytes=len(data), max_body_bytes=0)
    (request,) = reader.feed(data)
    assert reader.failure is None
    assert request.upgrade
    assert reader.take_rest() == b""
    assert (request.path, request.headers.get("origin")) == (path, origin)
    assert choose_subprotocol(request, re.compile(".*")) is None
    assert accept(request) == answer
    assert strict == (None if "sec-websocket-extensions" in request.headers else plain)
    return True


def check_request(request: Request) -> None:
    refused: HandshakeError | None = None
    try:
        answer = accept(request)
    except HandshakeError as error:
        refused = error
    if refused is not None:
        assert refused.status in STATUSES
        assert refused.detail.isascii()
        assert refused.status != 426 or ("Sec-WebSocket-Version", "13") in refused.headers
        return
    assert request.method == "GET"
    assert request.version == "1.1"
    headers = request.headers
    assert "websocket" in headers["upgrade"].lower()
    assert "upgrade" in headers["connection"].lower()
    assert "13" in re.split("[ \t]*,[ \t]*", headers["sec-websocket-version"])
    key = headers["sec-websocket-key"]
    assert len(key) <= 24
    assert len(base64.b64decode(f"{key[:22]}==", validate=True)) == 16
    lines = answer.decode("ascii").split("\r\n")
    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert lines[-2:] == ["", ""]
    fields = dict(line.split(": ", 1) for line in lines[1:-2])
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    assert base64.b64decode(fields["Sec-WebSocket-Accept"]) == digest
    assert "Sec-WebSocket-Extensions" not in fields
    assert "Sec-WebSocket-Protocol" not in fields
