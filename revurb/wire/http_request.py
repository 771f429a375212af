"""What an HTTP request is, and how one comes out of what llhttp finds (RFC 9110, RFC 9112)."""

from __future__ import annotations

import functools
import re

import httptools
import msgspec

from revurb._speedups.heads import cut_head

OTHER_VERSION = "HTTP/1.1 is spoken here."
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")  # RFC 9110 7.2: uri-host [ ":" port ]


class Request(msgspec.Struct):  # made in a fifth of the time that a dataclass takes
    """A whole request. What the peer wrote, still percent-encoded; nothing in it is trusted."""

    method: str
    path: str
    query: str  # behind the "?", without it
    headers: dict[str, str]  # lower-case names; repeated fields joined with ", "
    body: bytes
    version: str  # "1.1" or "1.0"
    keep_alive: bool  # the peer may send another request on this connection; never true with `upgrade`
    upgrade: bool  # a GET with an Upgrade field and no body: the reader has stopped, see HttpReader.take_rest
    client: str = ""  # the address of who sent it, where something asks for that (`Connections.identify`)


class HttpError(Exception):
    """A request that cannot be read: the status to answer with before closing, and why in one sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class ParserCallbacks:
    """Keeps what llhttp reports of a request. Knows neither parser nor reader, so that no cycle keeps them."""

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


@functools.lru_cache(maxsize=64)  # clients write few different ones
def tokens(value: str) -> tuple[str, ...]:
    """The members of a comma-separated header field such as Connection, in lower case (RFC 9110 5.6.1)."""
    return tuple([token.strip(" \t") for token in value.lower().split(",")])


def plain_request(piece: bytes, max_head_bytes: int, max_body_bytes: int) -> Request | None:
    """The request that `piece` is: one whole request and nothing else, in the form that nearly all have.

    An upgrade comes with all that is behind its head as its body. None if `piece` is anything else, or if there is
    something about it to refuse: then it has to be read the careful way.
    """
    parts = cut_head(piece)
    if parts is None:
        return None
    method, path, query, headers, head_bytes = parts
    if (
        head_bytes > max_head_bytes
        or "transfer-encoding" in headers
        or "expect" in headers
        or not _valid_host(headers.get("host"))
    ):
        return None
    body = piece[head_bytes:]
    if "upgrade" in headers:
        if method != "GET" or headers.get("content-length", "0") != "0":
            return None
        return Request(method, path, query, headers, body, "1.1", False, True)
    size = len(body)
    # As we would write it, or not plain: int() would take signs, spaces, underscores and zeros in front.
    if size > max_body_bytes or headers.get("content-length", "0") != str(size):
        return None
    keep_alive = "connection" not in headers or _keep_alive(headers["connection"], "1.1")
    return Request(method, path, query, headers, body, "1.1", keep_alive, False)


def request_of(events: ParserCallbacks, parser: httptools.HttpRequestParser) -> Request:
    """The request whose head is whole, without its body. Raises HttpError for what llhttp does not judge."""
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise HttpError(505, OTHER_VERSION)  # also for the preface of HTTP/2, which llhttp does not end here
    if not events.head_complete or events.messages != 1:
        raise HttpError(400, "The request head ends in a strange place.")
    method = parser.get_method().decode()
    if method == "CONNECT":
        raise HttpError(501, "CONNECT is for proxies.")
    headers = events.headers
    # RFC 9112 3.2. A second Host has been joined to the first with a space, which no host has.
    host = headers.get("host")
    if not _valid_host(host) if host is not None else version == "1.1":
        raise HttpError(400, "One Host field with a valid name is required.")
    path, query = _split_target(events.target)
    keep_alive = version == "1.1"
    if "connection" in headers:
        keep_alive = _keep_alive(headers["connection"], version)
    return Request(method, path, query, headers, b"", version, keep_alive, False)


@functools.lru_cache(maxsize=64)  # a node is called by few names
def _valid_host(host: str | None) -> bool:
    return host is not None and _HOST.fullmatch(host) is not None


def _keep_alive(connection: str, version: str) -> bool:
    """Whether the peer may send another request, by its Connection field (RFC 9112 9.3)."""
    options = tokens(connection)
    return "close" not in options and (version == "1.1" or "keep-alive" in options)


def _split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request target in origin-, absolute- or asterisk-form (RFC 9112 3.2)."""
    text, _, query = target.decode("latin-1").partition("#")[0].partition("?")
    if text.startswith(("/", "*")):
        return text, query
    authority, _, path = text.partition("://")[2].partition("/")
    if not authority:  # RFC 9110 4.2.1
        raise HttpError(400, "The URL of the request names no host.")
    return f"/{path}", query
