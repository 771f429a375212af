"""HTTP/1.1 requests out of bytes (RFC 9110, RFC 9112), on top of httptools (llhttp).

Rule 1: nothing a peer sends raises. What cannot be read becomes `failure`; the owner answers it and closes.
Rule 2: the verdict on a request depends on its bytes, not on how they were chunked.
Rule 3: nothing is kept beyond the limits, whatever is declared.

Plan: llhttp checks the syntax, but does not report how far it has parsed, and skips the body of a request that asks for
an upgrade. So it is fed in pieces that end where something may end: heads and chunked bodies at CRLF CRLF (nothing
else ends either of them), other bodies at their length. After each piece it is asked what it has found. That also
makes the size of a head exact, and the start of what follows an upgrade.

What clients send is nearly always one whole, plain request in one piece. That is tried first, without llhttp: 3 us
instead of 18. Anything else is read the careful way, which alone decides what is refused; its parser is made then.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import httptools

from revurb._speedups.queries import cut_query
from revurb.wire.http_request import (
    OTHER_VERSION,
    HttpError,
    ParserCallbacks,
    Request,
    plain_request,
    request_of,
    tokens,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["TLS_DETAIL", "HttpError", "HttpReader", "Request", "cut_query", "tokens"]

_BLOCK_END = b"\r\n\r\n"
_TLS_HANDSHAKE = 22  # the first byte of one (RFC 8446 5.1), and of no request
TLS_DETAIL = "This port speaks plain HTTP, and a TLS handshake has come."
_STRANGE_END = "The request head ends in a strange place."
_OTHER_CODING = "Only `Transfer-Encoding: chunked` is understood."
# A chunk of one byte takes six of framing. A body that takes more is not a body but an attempt to keep us busy.
_FRAMING_PER_BODY_BYTE = 8


class _State(enum.IntEnum):
    HEAD = 0
    SIZED = 1  # a body with Content-Length
    CHUNKED = 2
    UNGRANTED = 3  # the owner has to say how large the body may be, and nothing of it is read
    UPGRADED = 4  # from here on nothing is read any more
    STOPPED = 5


# A member looked up in its class costs as much as a step of the parser.
_HEAD, _SIZED, _CHUNKED, _UNGRANTED, _UPGRADED, _STOPPED = _State


class HttpReader:
    """The requests of one connection. Limits in bytes: request line with header fields, body, and a body that has been
    granted to be larger.

    Stops for good, ignoring all further input, after a failure and after a request that will be the last one:
    an upgrade, or one without keep-alive.
    """

    __slots__ = (
        "_body_limit",
        "_events",
        "_has_parser",
        "_head_bytes",
        "_left",
        "_max_body_bytes",
        "_max_granted_bytes",
        "_max_head_bytes",
        "_parser",
        "_request",
        "_rest",
        "_state",
        "_tail",
        "failure",
        "idle",
        "ungranted",
        "waiting_for_continue",
    )

    def __init__(self, *, max_head_bytes: int, max_body_bytes: int, max_granted_bytes: int = 0) -> None:
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = self._body_limit = max_body_bytes
        self._max_granted_bytes = max_granted_bytes
        self._has_parser = False
        self._state = _HEAD
        self._head_bytes = 0
        self._tail = b""  # the last bytes of a block so far: half of its end may be there
        self._left = 0  # bytes to come: of a SIZED body itself, of a CHUNKED body's framing
        self._request: Request | None = None  # the one whose body is being read
        self._rest = b""
        self.failure: HttpError | None = None
        self.waiting_for_continue = False
        """A head with `Expect: 100-continue` is here, and nothing of its body."""
        self.ungranted: Request | None = None
        """A request whose body is, or may become, larger than the limit: `grant` has to be called before it is read."""
        self.idle = True
        """Whether no byte of a further request has arrived, so that closing would cut nothing off."""

    def feed(self, data: Buffer) -> list[Request]:
        """Take bytes from the peer; give the requests they complete, in order. Look at `failure` afterwards."""
        piece = bytes(data)
        request = self.feed_whole(piece)
        if request is not None:
            return [request]
        if not self._has_parser and piece:
            self._renew_parser()
        requests: list[Request] = []
        at = 0
        try:
            while at < len(piece) and self._state < _UNGRANTED:
                at = _READ[self._state](self, piece, at, requests)
        except HttpError as error:
            self.failure = error.with_traceback(None)  # its frames hold the reader
            self._stop()
        if self._state is _UPGRADED or self._state is _UNGRANTED:
            self._rest += piece[at:]
        return requests

    def grant(self, allowed: bool) -> list[Request]:
        """Read the body of `ungranted`, which may be as large as granted ones if that is `allowed`; gives the requests
        that are complete then. Until this is called, what comes behind its head is kept: read no more."""
        request, self.ungranted = self.ungranted, None
        assert request is not None
        if allowed:
            self._body_limit = self._max_granted_bytes
        try:
            self._begin_body(request.headers)
        except HttpError as error:
            self.failure = error.with_traceback(None)
            self._stop()
        return self.feed(self.take_rest())

    def feed_whole(self, piece: bytes) -> Request | None:
        """What `feed` would do with a piece that is one whole, plain request, and nothing with any other."""
        if not self.idle:
            return None
        request = plain_request(piece, self._max_head_bytes, self._max_body_bytes)
        if request is not None and not request.keep_alive:
            if request.upgrade:
                self._state, self.idle = _UPGRADED, False
                self._rest, request.body = request.body, b""
            else:
                self._stop()
        return request

    def take_rest(self) -> bytes:
        """What has come behind the head of an upgrade request. It has no limit: read no more until it is taken."""
        rest, self._rest = self._rest, b""
        return rest

    def take_continue(self) -> bool:
        """Whether `100 Continue` has to be sent now; True once for each request."""
        waiting, self.waiting_for_continue = self.waiting_for_continue, False
        return waiting

    # One step each: read from data[at:], return how far that went. Raise HttpError to give up.

    def _read_head(self, data: bytes, at: int, requests: list[Request]) -> int:
        if self._head_bytes == 0:
            if data[at] in b"\r\n":  # RFC 9112 2.2: empty lines in front of a request are ignored
                at = len(data) - len(data[at:].lstrip(b"\r\n"))
            if at == len(data):
                return at
            if data[at] == _TLS_HANDSHAKE:
                self.idle = False
                raise HttpError(400, TLS_DETAIL)
        end = self._end_of_block(data, at)
        stop = min(len(data) if end is None else end, at + self._max_head_bytes - self._head_bytes)
        self._head_bytes += stop - at
        self.idle = False
        if stop == end:
            self._parse(data[at : stop - 1])
            if self._events.head_complete:  # llhttp ends `GET /` early, and ignores empty lines behind it
                raise HttpError(400, _STRANGE_END)
            self._begin(self._parse(data[stop - 1 : stop]), requests)
            return stop
        self._parse(data[at:stop])
        if self._events.head_complete:
            raise HttpError(400, _STRANGE_END)
        elif stop < len(data):
            raise HttpError(
                413, f"The request head is larger than {self._max_head_bytes} bytes (REVURB_MAX_HEAD_SIZE)."
            )
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
        if self._events.body_bytes > self._body_limit:
            raise self._body_too_large()  # even if llhttp failed behind it: byte by byte it would not have come there
        if detail is None:
            return False
        if detail == "Invalid HTTP version":
            raise HttpError(505, OTHER_VERSION)
        if self._state is _HEAD and self._events.head_complete:
            # Behind the last field llhttp still looks at the coding, or at more bytes than the head should have.
            if "transfer-encoding" in self._events.headers:
                raise HttpError(501, _OTHER_CODING)
            raise HttpError(400, _STRANGE_END)
        raise HttpError(400, f"{detail}.")

    def _begin(self, upgraded: bool, requests: list[Request]) -> None:
        """The head is whole: judge it, and find out what follows."""
        request = self._request = request_of(self._events, self._parser)
        headers = request.headers
        coding = headers.get("transfer-encoding")
        length = int(headers.get("content-length", "0"))
        if coding is not None:
            if request.version == "1.0" or "content-length" in headers:
                # RFC 9112 6.1: two readers could see two different ends of such a body.
                raise HttpError(400, "Transfer-Encoding does not go with HTTP/1.0 or Content-Length.")
            if coding.lower() != "chunked":
                raise HttpError(501, _OTHER_CODING)
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
        elif self._max_granted_bytes > self._max_body_bytes and (coding or length > self._max_body_bytes):
            self._state, self.ungranted = _UNGRANTED, request
        else:
            self._begin_body(headers)

    def _begin_body(self, headers: dict[str, str]) -> None:
        if "transfer-encoding" in headers:
            self._state = _CHUNKED
            self._left = self._max_head_bytes + _FRAMING_PER_BODY_BYTE * self._body_limit
            return
        self._state, self._left = _SIZED, int(headers["content-length"])
        if self._left > self._body_limit:
            self.waiting_for_continue = False
            raise self._body_too_large()

    def _read_on(self, coding: str | None, length: int) -> None:
        """A parser that has not seen the Upgrade field, and so goes on with the body and the next request.

        curl --http2 POST asks for `Upgrade: h2c`: an offer that need not be taken up (RFC 9110 7.8).
        """
        self._renew_parser()
        framing = f"Content-Length: {length}" if coding is None else "Transfer-Encoding: chunked"
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())

    def _renew_parser(self) -> None:
        self._events = ParserCallbacks()
        self._parser = httptools.HttpRequestParser(self._events)
        self._has_parser = True

    def _finish(self, requests: list[Request]) -> None:
        request, events = self._request, self._events
        assert request is not None
        if not events.complete or events.messages != 1:
            raise HttpError(400, "The request ends in a strange place.")
        request.body = b"".join(events.body)
        requests.append(request)
        self._request = None
        self._state, self._head_bytes = _HEAD, 0
        self._body_limit = self._max_body_bytes
        events.reset()
        self.idle = not request.upgrade
        if request.upgrade:
            self._state = _UPGRADED
        elif not request.keep_alive:
            self._stop()

    def _stop(self) -> None:
        self._state, self._request, self.idle = _STOPPED, None, False
        if self._has_parser:
            self._events.reset()

    def _body_too_large(self) -> HttpError:
        granted = self._body_limit > self._max_body_bytes
        option = "REVURB_MAX_BATCH_SIZE" if granted else "REVERB_MAX_REQUEST_SIZE"
        detail = f"The request body is larger than {self._body_limit} bytes ({option})."
        if not granted and self._max_granted_bytes > self._max_body_bytes:
            detail += (
                " A batch, or an event to several channels, may be larger if its signature is valid"
                " (REVURB_MAX_BATCH_SIZE)."
            )
        return HttpError(413, detail)


_READ = (HttpReader._read_head, HttpReader._read_sized, HttpReader._read_chunked)  # by _State
