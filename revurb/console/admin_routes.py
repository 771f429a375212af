"""What the admin listener answers.

    GET /metrics   figures for Prometheus
    GET /status    the processes of the server as JSON: an object of what `revurb status --json` prints
    GET /ready     200, or 503 with the reason why no clients are taken
    GET /live      200

With a token, /metrics and /status need `Authorization: Bearer TOKEN`. Without one, which is for loopback alone, a
request has to name an address or localhost as its host: a page in a browser of this machine could ask under a name of
its own that leads here.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from typing import Protocol

from revurb.observe.exposition import CONTENT_TYPE, MetricNames, exposition
from revurb.observe.figures import Figures
from revurb.wire.http import Request
from revurb.wire.response import Response

KEPT_S = 1.0  # of the text for Prometheus: processes tell their figures once a second
ROUTES = ("/metrics", "/status", "/ready", "/live")
OPEN = ("/ready", "/live")  # as on the port of the clients
_TEXT = "text/plain; charset=utf-8"
_NOT_FOUND = Response(404, f"There is {', '.join(ROUTES)}.\n".encode(), _TEXT)
_WRONG_METHOD = Response(405, b"Only GET and HEAD are answered here.\n", _TEXT, (("Allow", "GET, HEAD"),))
_NO_TOKEN = Response(
    401,
    b"Send `Authorization: Bearer TOKEN`, with the token of admin.token (REVURB_ADMIN_TOKEN).\n",
    _TEXT,
    (("WWW-Authenticate", 'Bearer realm="revurb"'),),
)
_OTHER_HOST = Response(
    403,
    b"Without a token (REVURB_ADMIN_TOKEN) only requests to an address or to localhost are answered.\n",
    _TEXT,
)
_LIVE = Response(200, b"live\n", _TEXT)
_READY = Response(200, b"ready\n", _TEXT)


class AdminSource(Protocol):
    """The server that is told of. No call waits."""

    def figures(self) -> Figures: ...

    def unready(self) -> str | None:
        """Why it takes no new clients; None if it does."""

    def status_json(self) -> bytes: ...


class AdminRoutes:
    """What an admin listener answers; its handler is `answer`."""

    def __init__(self, source: AdminSource, *, token: str | None, names: MetricNames) -> None:
        self._source = source
        self._token = None if token is None else token.encode()
        self._names = names
        self._made: asyncio.Future[bytes] | None = None  # the text, or its making
        self._made_at = 0.0

    async def answer(self, request: Request) -> Response:
        """The answer to one request."""
        if request.path not in ROUTES:
            return _NOT_FOUND
        if request.method not in ("GET", "HEAD"):
            return _WRONG_METHOD
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match request.path:
            case "/metrics":
                return Response(200, await self._metrics(), CONTENT_TYPE)
            case "/status":
                return Response(200, self._source.status_json() + b"\n")
            case "/ready":
                reason = self._source.unready()
                return _READY if reason is None else Response(503, f"{reason}\n".encode(), _TEXT)
            case _:
                return _LIVE

    def _refusal(self, request: Request) -> Response | None:
        if request.path in OPEN:
            return None
        if self._token is None:
            return None if _is_address(request.headers.get("host", "")) else _OTHER_HOST
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
        return None if scheme.lower() == "bearer" and is_right else _NO_TOKEN

    async def _metrics(self) -> bytes:
        """Made once for all who ask within KEPT_S."""
        loop = asyncio.get_running_loop()
        if self._made is None or (self._made.done() and loop.time() - self._made_at >= KEPT_S):
            self._made_at = loop.time()
            self._made = asyncio.ensure_future(exposition(self._source.figures(), self._names))
        return await asyncio.shield(self._made)


def _is_address(host: str) -> bool:
    """Whether a Host field names an address or localhost, with a port or without."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost" or not host:  # HTTP/1.0 has none, and no browser speaks it
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
