"""One target of an app's webhooks: where to, what of, and how. Pusher docs, "Webhooks".

The fields are those of Pusher's dashboard and of soketi's `webhooks`, with units in the names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from revurb.apps.field_checks import is_utf8

WEBHOOK_EVENTS = (
    "channel_occupied",
    "channel_vacated",
    "member_added",
    "member_removed",
    "client_event",
    "cache_miss",
    "subscription_count",
)
MAX_BATCH_MS = 60_000
MAX_HEADERS = 50
MAX_HEADER_CHARS = 4096
URL_IN_WORDS = "http:// or https:// with a host, such as https://example.com/webhooks"

_USER = re.compile(r"^([^/]*//)?[^/]*@")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, token
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
# What the sender writes itself, or what would change how the request is read.
_OWN_HEADERS = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_OWN_PREFIXES = ("x-pusher-", "x-revurb-", "proxy-")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """A URL that is told of an app's facts: of `events`, Pusher's names of them, on `channels`, names or patterns with
    `*` for any text; without any of all. `headers` go with each request. Facts of `batch_ms` milliseconds go together.

    Raises TypeError or ValueError with the name of a field that has a wrong type or value. No value of a header is
    ever in an error or in the representation.
    """

    url: str
    events: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    batch_ms: int = 50

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise TypeError(f"WebhookTarget.url: found {type(self.url).__name__}; allowed: {URL_IN_WORDS}")
        if problem := url_problem(self.url):
            raise ValueError(f"WebhookTarget.url: {problem}; allowed: {URL_IN_WORDS}")
        for name in ("events", "channels"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        if unknown := [name for name in self.events if name not in WEBHOOK_EVENTS]:
            raise ValueError(
                f"WebhookTarget.events: found {unknown[0]!r}; allowed: {', '.join(WEBHOOK_EVENTS)}"
            )
        object.__setattr__(self, "headers", _checked_headers(self.headers))
        if not isinstance(self.batch_ms, int) or isinstance(self.batch_ms, bool):
            raise TypeError(f"WebhookTarget.batch_ms: found {self.batch_ms!r}; allowed: an integer")
        if not 0 <= self.batch_ms <= MAX_BATCH_MS:
            raise ValueError(
                f"WebhookTarget.batch_ms: found {self.batch_ms}; allowed: an integer from 0 to {MAX_BATCH_MS}"
            )

    @property
    def shown_url(self) -> str:
        """The URL as it may be logged: what comes after `?` may be a secret."""
        return shown_url(self.url)


def shown_url(url: str) -> str:
    """`url` without the value of its query, and without a user and password, which redirects may have."""
    base, mark, _ = url.partition("?")
    base = _USER.sub(r"\1...@", base)
    return f"{base}?..." if mark else base


def url_problem(url: str) -> str | None:
    """Why no request can be sent to `url`; None if one can."""
    shown = shown_url(url)
    if not url.isascii() or not url.isprintable() or " " in url:
        return f"found {shown!r}, which has characters that a URL has to escape"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"found {shown!r}, which is no URL ({error})"
    if parts.scheme not in ("http", "https") or not host:
        return f"found {shown!r}"
    if port == 0:
        return f"found {shown!r}, whose port is 0"
    return _part_problem(parts)


def _part_problem(parts: SplitResult) -> str | None:
    if "@" in parts.netloc:  # not shown: it is a password
        return "found a URL with a user; give it as a header: Authorization"
    if parts.fragment:
        return f"found #{parts.fragment} in it, which is never sent"
    return None


def header_problem(name: object, value: object) -> str | None:
    """Why a header cannot be sent with a request; None if it can. The value is never in it."""
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        return f"found {name!r}, which is no name of a header"
    if name.lower() in _OWN_HEADERS or name.lower().startswith(_OWN_PREFIXES):
        return f"found {name}, which the server writes itself"
    if not isinstance(value, str):
        return f"{name} is {type(value).__name__}, not a text"
    if not _HEADER_VALUE.fullmatch(value) or len(value) > MAX_HEADER_CHARS:
        return f"{name} has another character than printable ASCII, or more than {MAX_HEADER_CHARS} of them"
    return None


def _checked_headers(value: Any) -> Mapping[str, str]:
    allowed = 'a mapping of texts, such as {"Authorization": "Bearer ..."}'
    if not isinstance(value, Mapping):
        raise TypeError(f"WebhookTarget.headers: found {type(value).__name__}; allowed: {allowed}")
    if len(value) > MAX_HEADERS:
        raise ValueError(f"WebhookTarget.headers: found {len(value)}; allowed: at most {MAX_HEADERS}")
    for name, text in value.items():
        if problem := header_problem(name, text):
            raise ValueError(f"WebhookTarget.headers: {problem}; allowed: {allowed}")
    if len({name.lower() for name in value}) < len(value):
        raise ValueError("WebhookTarget.headers: found a name twice; allowed: each once")
    return dict(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    """A text by itself would be taken for its letters."""
    if not isinstance(value, (tuple, list)) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"WebhookTarget.{name}: found {value!r}; allowed: a tuple of texts")
    if not all(text and is_utf8(text) for text in value):
        raise ValueError(f"WebhookTarget.{name}: found {value!r}; allowed: texts that are not empty")
    return tuple(value)
