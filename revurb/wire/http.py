"""HTTP/1.1 requests out of bytes (RFC 9110, RFC 9112), on top of httptools (llhttp).

Rule 1: nothing a peer sends raises. What cannot be read becomes `failure`; the owner answers it and closes.
Rule 2: the verdict on a request depends on its bytes, not on how they were chunked.
Rule 3: nothing is kept beyond the two limits, whatever is declared.

Plan: llhttp judges the syntax, but does not say how far it has come, and skips the body of a request that asks for
an upgrade. So it is fed in pieces that end where something may end: heads and chunked bodies at CRLF CRLF (nothing
else ends either of them), other bodies at their length. After each piece it is asked what it has found. That also
makes the size of a head exact, and the start of what follows an upgrade.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BLOCK_END = b"\r\n\r\n"
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")  # RFC 9110 7.2: uri-host [ ":" port ]
_OTHER_VERSION = "HTTP/1.1 is spoken here."
_OTHER_CODING = "Only `Transfer-Encoding: chunked` is understood."
# A chunk of one byte takes six of framing. A body that takes more is not a body but an attempt to keep us busy.
_FRAMING_PER_BODY_BYTE = 8


@dataclass(slots=True)
class Request:
    """A whole request. What the peer wrote, still percent-encoded; nothing in it is trusted."""

    method: str
    path: str
    query: str  # behind the "?", without it
    headers: dict[str, str]  # lower-case names; repeated fields joined with ", "
    body: bytes
    version: str  # "1.1" or "1.0"
    keep_alive: bool  # the peer may send another request on this connection; never true with `upgrade`
    upgrade: bool  # a GET with an Upgrade field and no body: the reader has stopped, see HttpReader.take_rest


class HttpError(Exception):
    """A request that cannot be read: the status to answer with before closing, and why in one sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class _State(enum.IntEnum):
    HEAD = 0
    SIZED = 1  # a body with Content-Length
    CHUNKED = 2
    UPGRADED = 3  # from here on nothing is read any more
    STOPPED = 4


# A member looked up in its class costs as much as a step of the parser.
_HEAD, _SIZED, _CHUNKED, _UPGRADED, _STOPPED = _State


class HttpReader:
    """The requests of one connection. Limits in bytes: request line with header fields, and body.

    Stops for good, ignoring all further input, after a failure and after a request that will be the last one:
    an upgrade, or one without keep-alive.
    """

    __slots__ = (
        "_events",
        "_head_bytes",
        "_left",
        "_max_body_bytes",
        "_max_head_bytes",
        "_parser",
        "_request",
        "_rest",
        "_state",
        "_tail",
        "failure",
        "waiting_for_continue",
    )

    def __init__(self, *, max_head_bytes: int, max_body_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._events = _Events()
        self._parser = httptools.HttpRequestParser(self._events)
        self._state = _HEAD
        self._head_bytes = 0
        self._tail = b""  # the last bytes of a block so far: half of its end may be there
        self._left = 0  # bytes to come: of a SIZED body itself, of a CHUNKED body's framing
        self._request: Request | None = None  # the one whose body is being read
        self._rest = b""
        self.failure: HttpError | None = None
        self.waiting_for_continue = False
        """A head with `Expect: 100-continue` is here, and nothing of its body."""

    @property
    def idle(self) -> bool:
        """Whether no byte of a further request has arrived, so that closing would cut nothing off."""
        return self._state is _HEAD and self._head_bytes == 0

    def feed(self, data: Buffer) -> list[Request]:
        """Take bytes from the peer; give the requests they complete, in order. Look at `failure` afterwards."""
        requests: list[Request] = []
        piece = bytes(data)
        at = 0
        try:
            while at < len(piece) and self._state < _UPGRADED:
                at = _READ[self._state](self, piece, at, requests)
        except HttpError as error:
            self.failure = error.with_traceback(None)  # its frames hold the reader
            self._stop()
        if self._state is _UPGRADED:
            self._rest += piece[at:]
        return requests

    def take_rest(self) -> bytes:
        """What has come behind the head of an upgrade request. It has no limit: read no more until it is taken."""
        rest, self._rest = self._rest, b""
        return rest

    def take_continue(self) -> bool:
        """Whether `100 Continue` is to be sent now; says so once."""
        waiting, self.waiting_for_continue = self.waiting_for_continue, False
        return waiting

    # One step each: read from data[at:], return how far that went. Raise HttpError to give up.

    def _read_head(self, data: bytes, at: int, requests: list[Request]) -> int:
        if self._head_bytes == 0:
            if data[at] in b"\r\n":  # RFC 9112 2.2: empty lines in front of a request are ignored
                at = len(data) - len(data[at:].lstrip(b"\r\n"))
            if at == len(data):
                return at
        end = self._end_of_block(data, at)
        stop = min(len(data) if end is None else end, at + self._max_head_bytes - self._head_bytes)
        self._head_bytes += stop - at
        upgraded = self._parse(data[at:stop])
        if stop == end:
            self._begin(upgraded, requests)
        elif self._events.head_complete:
            raise HttpError(400, "The request head ends in a strange place.")
        elif stop < len(data):
            raise HttpError(413, f"The request head is larger than {self._max_head_bytes} bytes.")
        return stop

    def _read_sized(self, data: bytes, at: int, requests: list[Request]) -> int:
        self.waiting_for_continue = False
        stop = min(len(data), at + self._left)
        self._left -= stop - at
        self._parse(data[at:stop])
        if self._left == 0:
            self._finish(requests)
        return stop

    def _read_chunked(self, data: bytes, at: int, requests: list[Request]) -> int:
        self.waiting_for_continue = False
        events = self._events
        end = self._end_of_block(data, at)
        stop = len(data) if end is None else end
        before = events.body_bytes
        self._parse(data[at:stop])
        self._left -= stop - at - (events.body_bytes - before)
        if self._left < 0:
            raise HttpError(413, "The chunks of the request body have too much around them.")
        if events.complete:
            self._finish(requests)
        return stop

    def _end_of_block(self, data: bytes, at: int) -> int | None:
        """Behind the first CRLF CRLF since the block began, of which data[at:] is the newest part."""
        tail = self._tail
        seam = (tail + data[at : at + 3]).find(_BLOCK_END) if tail else -1
        self._tail = b""
        if seam >= 0:
            return at + seam - len(tail) + len(_BLOCK_END)
        if (found := data.find(_BLOCK_END, at)) >= 0:
            return found + len(_BLOCK_END)
        self._tail = (tail + data[max(at, len(data) - 3) :])[-3:]
        return None

    def _parse(self, piece: bytes) -> bool:
        """Feed llhttp. True if it takes the request for an upgrade: then it skips a body, and is of no more use."""
        detail: str | None = None
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            return True
        except httptools.HttpParserError as error:
            detail = str(error)  # not the error itself, which would keep this frame, and with it the reader
        if self._events.body_bytes > self._max_body_bytes:
            raise self._body_too_large()  # even if llhttp failed behind it: byte by byte it would not have come there
        if detail is None:
            return False
        if detail == "Invalid HTTP version":
            raise HttpError(505, _OTHER_VERSION)
        if self._state is _HEAD and self._events.head_complete:
            raise HttpError(501, _OTHER_CODING)  # all that llhttp still looks at behind the last field
        raise HttpError(400, f"{detail}.")

    def _begin(self, upgraded: bool, requests: list[Request]) -> None:
        """The head is whole: judge it, and find out what follows."""
        request = self._request = _request(self._events, self._parser)
        headers = request.headers
        coding = headers.get("transfer-encoding")
        length = int(headers.get("content-length", "0"))
        if coding is not None:
            if request.version == "1.0" or "content-length" in headers:
                # RFC 9112 6.1: two readers could see two different ends of such a body.
                raise HttpError(400, "Transfer-Encoding does not go with HTTP/1.0 or Content-Length.")
            if coding.lower() != "chunked":
                raise HttpError(501, _OTHER_CODING)
        if length > self._max_body_bytes:
            raise self._body_too_large()
        has_body = coding is not None or length > 0
        if "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                raise HttpError(417, "Only `Expect: 100-continue` is understood.")
            self.waiting_for_continue = has_body and request.version != "1.0"  # RFC 9110 10.1.1
        if request.method == "GET" and "upgrade" in headers and not has_body:
            request.upgrade, request.keep_alive = True, False
        if upgraded and not request.upgrade:
            self._read_on(coding, length)
        if not has_body:
            self._finish(requests)
        elif coding is None:
            self._state, self._left = _SIZED, length
        else:
            self._state = _CHUNKED
            self._left = self._max_head_bytes + _FRAMING_PER_BODY_BYTE * self._max_body_bytes

    def _read_on(self, coding: str | None, length: int) -> None:
        """A parser that has not seen the Upgrade field, and so goes on with the body and the next request.

        curl --http2 POST asks for `Upgrade: h2c`: an offer that need not be taken up (RFC 9110 7.8).
        """
        self._events = _Events()
        self._parser = httptools.HttpRequestParser(self._events)
        framing = f"Content-Length: {length}" if coding is None else "Transfer-Encoding: chunked"
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())

    def _finish(self, requests: list[Request]) -> None:
        request, events = self._request, self._events
        assert request is not None
        if not events.complete or events.messages != 1:
            raise HttpError(400, "The request ends in a strange place.")
        request.body = b"".join(events.body)
        requests.append(request)
        self._request = None
        self._state, self._head_bytes = _HEAD, 0
        events.reset()
        if request.upgrade:
            self._state = _UPGRADED
        elif not request.keep_alive:
            self._stop()

    def _stop(self) -> None:
        self._state, self._request = _STOPPED, None
        self._events.reset()

    def _body_too_large(self) -> HttpError:
        return HttpError(413, f"The request body is larger than {self._max_body_bytes} bytes.")


_READ = (HttpReader._read_head, HttpReader._read_sized, HttpReader._read_chunked)  # by _State


class _Events:
    """What llhttp has found since the request began. Knows neither parser nor reader, so that no cycle keeps them."""

    __slots__ = ("body", "body_bytes", "complete", "head_complete", "headers", "messages", "target")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.target = b""
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.messages = 0
        self.head_complete = False
        self.complete = False

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_complete:  # trailers are dropped: RFC 9110 6.5.1
            return
        field, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        headers = self.headers
        headers[field] = f"{headers[field]}, {text}" if field in headers else text

    def on_headers_complete(self) -> None:
        self.head_complete = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)
        self.body_bytes += len(body)

    def on_message_complete(self) -> None:
        self.complete = True


def tokens(value: str) -> list[str]:
    """The members of a comma-separated header field such as Connection, in lower case (RFC 9110 5.6.1)."""
    return [token.strip(" \t") for token in value.lower().split(",")]


def _request(events: _Events, parser: httptools.HttpRequestParser) -> Request:
    """The request whose head is whole, without its body. Raises HttpError for what llhttp does not judge."""
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise HttpError(505, _OTHER_VERSION)  # also for the preface of HTTP/2, which llhttp does not end here
    if not events.head_complete or events.messages != 1:
        raise HttpError(400, "The request head ends in a strange place.")
    method = parser.get_method().decode()
    if method == "CONNECT":
        raise HttpError(501, "CONNECT is for proxies.")
    headers = events.headers
    # RFC 9112 3.2. A second Host has been joined to the first with a space, which no host has.
    host = headers.get("host")
    if not _HOST.fullmatch(host) if host is not None else version == "1.1":
        raise HttpError(400, "One Host field with a valid name is required.")
    path, query = _split_target(events.target)
    keep_alive = version == "1.1"
    if "connection" in headers:
        options = tokens(headers["connection"])
        keep_alive = "close" not in options and (keep_alive or "keep-alive" in options)
    return Request(method, path, query, headers, b"", version, keep_alive, False)


def _split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request target in origin-, absolute- or asterisk-form (RFC 9112 3.2)."""
    text, _, query = target.decode("latin-1").partition("#")[0].partition("?")
    if text.startswith(("/", "*")):
        return text, query
    return "/" + text.partition("://")[2].partition("/")[2], query
