"""HTTP/1.1 responses: what to answer, perhaps later, and that as bytes (RFC 9112 section 4)."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

JSON = "application/json"
# RFC 9110 5.1 and 5.5. A value with a line break in it would start another field, or another response.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Those of what a node answers as a rule, with Reverb's 413. Python's table of all takes 0.1 MiB.
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",  # has another name in newer versions of Python
    422: "Unprocessable Content",  # in older ones
    426: "Upgrade Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(now_s: float) -> str:
    """The value of a Date field (RFC 9110 5.6.7) for a time in seconds since 1970. As `email.utils.formatdate`, whose
    package would take a third of a megabyte."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(now_s)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer. `headers` are further fields, each (name, value), written as they are."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class DeferredResponse:
    """A response that depends on an awaitable: `make` builds it from the result, or returns another awaitable of it.

    A caller that finds `awaitable` to be a future can add a callback that calls `make`. Awaiting this object does the
    same, and takes a task.
    """

    __slots__ = ("awaitable", "make")

    def __init__(
        self, awaitable: Awaitable[Any], make: Callable[[Any], Response | Awaitable[Response]]
    ) -> None:
        self.awaitable = awaitable
        self.make = make

    def __await__(self) -> Generator[Any, Any, Response]:
        response = self.make((yield from self.awaitable.__await__()))
        return response if isinstance(response, Response) else (yield from response.__await__())


def encode_response(
    response: Response, *, keep_alive: bool, head_only: bool = False, date: str = ""
) -> bytes:
    """Head and body in one bytes object. `head_only` answers HEAD: the same head, no body.

    `date` is an IMF-fixdate for the Date field, left out if empty. Raises ValueError for what is no
    header field.
    """
    body = response.body
    encode = _encode if len(body) > _MAX_KEPT_BODY_BYTES else _encode_and_keep
    return encode(response.status, body, response.content_type, response.headers, keep_alive, head_only, date)


_BODYLESS = frozenset({*range(100, 200), 204, 304})  # RFC 9112 6.3: these end with their head


def _encode(
    status: int,
    body: bytes,
    content_type: str,
    headers: tuple[tuple[str, str], ...],
    keep_alive: bool,
    head_only: bool,
    date: str,
) -> bytes:
    head = _head(status, content_type, headers, keep_alive, date)
    if status in _BODYLESS:
        return head + b"\r\n"
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), b"" if head_only else body)


# Most answers are one of few: `{}` to every event that is accepted. Those are made once in the second that their date
# is good for, and then take 0.2 us. Of others at least the head is known, which saves 4 us.
_MAX_KEPT_BODY_BYTES = 64
_encode_and_keep = functools.lru_cache(maxsize=64)(_encode)


@functools.lru_cache(maxsize=128)
def _head(
    status: int, content_type: str, headers: tuple[tuple[str, str], ...], keep_alive: bool, date: str
) -> bytes:
    """Everything in front of Content-Length."""
    lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
    fields = list(headers)
    if status not in _BODYLESS:
        fields.append(("Content-Type", content_type))
        if content_type == JSON:
            fields.append(("Cache-Control", "no-cache, private"))
    if date:
        fields.append(("Date", date))
    if not keep_alive:
        fields.append(("Connection", "close"))
    return "\r\n".join([*lines, *header_lines(fields), ""]).encode("latin-1")


def header_lines(fields: Sequence[tuple[str, str]]) -> list[str]:
    """`Name: value` for each field. Raises ValueError if one is no header field."""
    for name, value in fields:
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError(f"header {name!r} is not a name with a line of latin-1 text")
    return [f"{name}: {value}" for name, value in fields]


def _phrase(status: int) -> str:
    known = _PHRASES.get(status)
    if known is not None:
        return known
    import http

    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
