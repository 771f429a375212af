"""Sends one request to the URL of a target, and says what came of it. The only module that knows aiohttp's client.

A receiver may be slow, broken or hostile: there are limits to its time, its headers and what is read of its body. It is
reached at public addresses alone: the resolver of the session checks what a name stands for, and the socket is made for
an address that was checked once more, so that nothing can change in between. Redirects are followed by hand, so that
all of that holds for each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from yarl import URL

from revurb.apps.public_address import is_address
from revurb.apps.webhook_target import shown_url, url_problem
from revurb.webhooks.bounded_connector import AnswerTooLargeError, BoundedConnector, small_socket
from revurb.webhooks.name_lookup import NameLookup, RefusedAddressError, refuse_private
from revurb.webhooks.payload import KEY, SIGNATURE
from revurb.webhooks.retry_policy import Outcome, Verdict, verdict_of

TOTAL_TIMEOUT_S = 10.0  # of a request with its redirects
CONNECT_TIMEOUT_S = 5.0
BODY_TIMEOUT_S = 2.0  # the status has said what matters; the body is read to keep the connection
MAX_BODY_BYTES = 65_536
MAX_HEADER_BYTES = 8190  # of one header, and of the status line
MAX_HEADERS = 128
MAX_REDIRECTS = 5
KEEP_ALIVE_S = 30.0
MAX_REASON_CHARS = 200
_REPEATED = (307, 308)  # a POST stays one
_OTHER_REDIRECTS = (301, 302, 303)  # libraries make a GET of it, which says nothing to the receiver
_PORTS = {"http": 80, "https": 443}


class HttpClient:
    """A session for all targets, with at most one request to each. `tls` is instead of the system's authorities. To be
    closed in the loop in which it was made."""

    def __init__(
        self,
        *,
        allow_private: bool,
        tls: ssl.SSLContext | None = None,
        lookup: NameLookup | None = None,
        timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self.last_address = (
            ""  # to which a connection was last tried, for those who send one request at a time
        )
        connector = BoundedConnector(
            limit=0,
            keepalive_timeout=KEEP_ALIVE_S,
            resolver=lookup or NameLookup(allow_private=allow_private),
            socket_factory=self._make_socket,
            ssl=True if tls is None else tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=MAX_BODY_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], own_headers: Mapping[str, str]
    ) -> Outcome:
        """Send a request; `own_headers` are those of the target. Never raises but CancelledError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(url, body, {**own_headers, **headers}, frozenset(own_headers))
        except Exception as error:
            verdict = Verdict.GIVE_UP if _is_hopeless(_cause(error)) else Verdict.RETRY
            return Outcome(verdict, self._in_words(error)[:MAX_REASON_CHARS])

    async def _follow(self, url: str, body: bytes, headers: dict[str, str], own: frozenset[str]) -> Outcome:
        """One request, or one for each redirect."""
        outcome = Outcome(Verdict.GIVE_UP, "")
        for _ in range(MAX_REDIRECTS + 1):
            outcome, location = await self._send(url, body, headers)
            if outcome.status not in _REPEATED and outcome.status not in _OTHER_REDIRECTS:
                return outcome
            if location is None:
                return outcome._replace(reason=f"{outcome.reason} without a Location")
            target = urljoin(url, location)
            to = f"{outcome.reason} to {shown_url(target)[:MAX_REASON_CHARS]!r}"
            if outcome.status in _OTHER_REDIRECTS:
                return outcome._replace(reason=f"{to}, where a POST is not repeated (307 and 308 say so)")
            if url_problem(target):
                return outcome._replace(reason=f"{to}, which is no URL to send to")
            here, there = urlsplit(url), urlsplit(target)
            if here.scheme == "https" and there.scheme == "http":
                return outcome._replace(reason=f"{to}, which is not encrypted")
            if not _is_same_host(here, there):
                headers = {
                    name: value for name, value in headers.items() if name not in (*own, KEY, SIGNATURE)
                }
            url = target
        return outcome._replace(reason=f"redirected more than {MAX_REDIRECTS} times")

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[Outcome, str | None]:
        """One request: what came of it, and where a redirect leads."""
        host = urlsplit(url).hostname or ""
        if not self._allow_private and is_address(host):  # the resolver is not asked
            refuse_private(host, host)
        async with self._session.post(
            URL(url, encoded=True),
            data=body,
            headers={**headers, "Accept-Encoding": "identity"},
            allow_redirects=False,
        ) as response:
            address = self._address_of(response)
            text = await _first_bytes(response)
            if not response.content.at_eof():
                response.close()  # what else it sends is not read
            outcome = Outcome(
                verdict_of(response.status),
                f"answered {response.status}",
                response.status,
                response.headers.get("Retry-After", ""),
                address,
                text,
            )
            return outcome, response.headers.get("Location")

    def _make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket of a connection: `info` is an entry of getaddrinfo."""
        family, kind, proto, _, address = info
        self.last_address = str(address[0])
        if not self._allow_private:
            refuse_private(self.last_address, self.last_address)
        return small_socket(family, kind, proto)

    def _address_of(self, response: aiohttp.ClientResponse) -> str:
        connection = response.connection
        peer = (
            connection.transport.get_extra_info("peername") if connection and connection.transport else None
        )
        return str(peer[0]) if peer else self.last_address

    def _in_words(self, error: Exception) -> str:
        """The reason why there is no answer."""
        cause = _cause(error)
        match cause:
            case RefusedAddressError():
                return f"refused: {cause}"
            case aiohttp.ConnectionTimeoutError():
                return f"no connection within {CONNECT_TIMEOUT_S:g} s"
            case TimeoutError():
                return f"no answer within {self._timeout_s:g} s"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return f"TLS failed: {str(cause.reason or cause).lower().replace('_', ' ')}"
            case aiohttp.ServerDisconnectedError():
                return "closed the connection without an answer"
            case AnswerTooLargeError():
                return str(cause)
            case aiohttp.ClientResponseError():  # its text has the URL, whose query may be a secret
                return f"no valid answer: {cause.message.partition(chr(10))[0].rstrip(':')}"
            case socket.gaierror():
                return f"its name cannot be looked up: {cause.strerror or cause}"
            case OSError() if cause.errno is not None and cause.errno > 0:
                return os.strerror(cause.errno).lower()
        if _is_hopeless(cause):
            return f"no URL to send to: {cause}"
        return f"{type(cause).__name__}: {cause}"


def _cause(error: Exception) -> Exception:
    """What is behind an error of aiohttp's."""
    for name in ("certificate_error", "os_error"):
        inner = getattr(error, name, None)
        if isinstance(inner, Exception):
            return inner
    return error


def _is_hopeless(cause: Exception) -> bool:
    """Whether another try could not end otherwise: the address is refused, or the URL, of a redirect or with an address
    that is written in another way than aiohttp takes."""
    return isinstance(cause, RefusedAddressError) or (
        isinstance(cause, ValueError) and not isinstance(cause, OSError)
    )


async def _first_bytes(response: aiohttp.ClientResponse) -> bytes:
    """The body, as far as it comes soon and is not large."""
    text = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):  # the status has come, and counts
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while len(text) < MAX_BODY_BYTES:
                chunk = await response.content.read(MAX_BODY_BYTES - len(text))
                if not chunk:
                    break
                text += chunk
    return bytes(text)


def _is_same_host(here: SplitResult, there: SplitResult) -> bool:
    """Whether secrets for one may be sent to the other: the same host and port, or that host with TLS."""
    if here.hostname != there.hostname:
        return False
    ports = (here.port or _PORTS[here.scheme], there.port or _PORTS[there.scheme])
    return ports == (80, 443) if here.scheme != there.scheme else ports[0] == ports[1]
