"""The server's half of the opening handshake (RFC 6455 4.2)."""

from __future__ import annotations

import binascii
import hashlib
import re

from revurb.wire.deflate import Compression, NegotiatedCompression
from revurb.wire.extensions import read_extensions
from revurb.wire.http import Request, tokens
from revurb.wire.response import header_lines

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
# What decodes to 16 bytes of base64. Of the last digit only two bits count: the RFC's own example has others set (RFC
# 6455 4.1). Padding says nothing that the length does not: Reverb and others do without.
_KEY = re.compile(r"[A-Za-z0-9+/]{22}={0,2}")
_SHA1 = hashlib.sha1(
    usedforsecurity=False
)  # copied for each key: OpenSSL takes 2 us to find the algorithm again
_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\nX-Powered-By: Revurb\r\n%b\r\n"
)
_OFFER = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


class HandshakeError(Exception):
    """A request that cannot become a WebSocket: the HTTP status to answer, why, and fields that must go with it."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def asks_for_websocket(request: Request) -> bool:
    """Whether it is a WebSocket that an upgrade is asked for. Java's HTTP client offers `Upgrade: h2c` with whatever it
    asks for: what does not take that up is a plain request."""
    upgrade = request.headers.get("upgrade", "")
    return upgrade == "websocket" or "websocket" in tokens(upgrade)


def accept(
    request: Request,
    *,
    subprotocol: str | None = None,
    agreement: NegotiatedCompression | None = None,
    extra_headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The 101 response to `request`. Of what it offers, `subprotocol` and the extension of `agreement` are taken up.

    Raises HandshakeError, in this order: 405 unless GET, 505 for HTTP/1.0, 426 without `Upgrade: websocket`,
    400 without `Connection: Upgrade` or with a bad key, 426 where 13 is not among the versions.
    """
    headers = request.headers
    if request.method != "GET":
        raise HandshakeError(405, "Method not allowed.", (("Allow", "GET"),))
    if request.version == "1.0":
        raise HandshakeError(505, "A WebSocket needs HTTP/1.1.")
    upgrade, connection = headers.get("upgrade", ""), headers.get("connection", "")
    if upgrade != "websocket" and "websocket" not in tokens(upgrade):
        raise HandshakeError(426, "This is a WebSocket endpoint.", _OFFER)
    if connection != "Upgrade" and "upgrade" not in tokens(connection):
        raise HandshakeError(400, "The Connection header does not ask for an upgrade.")
    key = headers.get("sec-websocket-key", "")
    if not _KEY.fullmatch(key):
        raise HandshakeError(400, "Sec-WebSocket-Key is not 16 bytes in base64.")
    version = headers.get("sec-websocket-version", "")
    if version != "13" and "13" not in tokens(version):
        raise HandshakeError(426, "Only version 13 of the WebSocket protocol is spoken.", _OFFER)
    sha1 = _SHA1.copy()
    sha1.update(key.encode() + _GUID)
    proof = binascii.b2a_base64(sha1.digest(), newline=False)
    if agreement is None and subprotocol is None and not extra_headers:
        return _HEAD % (proof, b"")
    fields = extra_headers
    if agreement is not None:
        fields = (("Sec-WebSocket-Extensions", agreement.answer), *fields)
    if subprotocol is not None:
        fields = (("Sec-WebSocket-Protocol", subprotocol), *fields)
    return _HEAD % (proof, "\r\n".join([*header_lines(fields), ""]).encode("latin-1"))


def choose_subprotocol(request: Request, spoken: re.Pattern[str]) -> str | None:
    """The first subprotocol that `request` offers and `spoken` matches, for `accept`; None if there is none.

    Clients refuse an answer without, if they have offered any (browsers, Node.js), and one that they have not offered
    (RFC 6455 4.1). The names are case-sensitive.
    """
    offered = request.headers.get("sec-websocket-protocol")
    if offered is None:
        return None
    names = (name.strip(" \t") for name in offered.split(","))
    return next((name for name in names if spoken.fullmatch(name)), None)


def agree(request: Request, compression: Compression | None) -> NegotiatedCompression | None:
    """What `compression` takes up of what `request` offers, for `accept`; None if nothing.

    Raises HandshakeError, 400, if the offers break the grammar: RFC 6455 9.1 wants the connection failed.
    """
    offered = request.headers.get("sec-websocket-extensions")
    if offered is None or compression is None:
        return None
    try:
        return compression.negotiate(read_extensions(offered))
    except ValueError:
        raise HandshakeError(400, "Sec-WebSocket-Extensions cannot be read.") from None
