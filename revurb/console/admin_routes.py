"""What the admin listener answers.

    GET /metrics   figures for Prometheus
    GET /status    the processes of the server as JSON: an object of what `revurb status --json` prints
    GET /ready     200, or 503 with the reason why no clients are taken
    GET /live      200
    GET /          leads to /console/ (`console_routes`)

/metrics, /status and the questions of the console are for those whom `AdminAccess` lets ask.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from revurb.console.admin_access import CHALLENGE, AdminAccess
from revurb.console.console_routes import ConsoleRoutes
from revurb.observe.exposition import CONTENT_TYPE, MetricNames, exposition
from revurb.observe.figures import Figures
from revurb.wire.http import Request
from revurb.wire.response import Response

KEPT_S = 1.0  # of the text for Prometheus: processes tell their figures once a second
ROUTES = ("/metrics", "/status", "/ready", "/live")
OPEN = ("/ready", "/live")  # as on the port of the clients
_TEXT = "text/plain; charset=utf-8"
_NOT_FOUND = Response(404, f"There is /console/, {', '.join(ROUTES)}.\n".encode(), _TEXT)
_WRONG_METHOD = Response(405, b"Only GET and HEAD are answered here.\n", _TEXT, (("Allow", "GET, HEAD"),))
_LIVE = Response(200, b"live\n", _TEXT)
_READY = Response(200, b"ready\n", _TEXT)


class AdminSource(Protocol):
    """The server that is told of. No call but `ask_console` waits."""

    def figures(self) -> Figures: ...

    def unready(self) -> str | None:
        """Why it takes no new clients; None if it does."""

    def status_json(self) -> bytes: ...

    async def ask_console(self, name: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON object that answer a question: its name, and its JSON object."""


class AdminRoutes:
    """What an admin listener answers; its handler is `answer`."""

    def __init__(self, source: AdminSource, *, token: str | None, names: MetricNames) -> None:
        self._source = source
        self._access = AdminAccess(token)
        self._console = ConsoleRoutes(self._access, source.ask_console, source.status_json)
        self._names = names
        self._made: asyncio.Future[bytes] | None = None  # the text, or its making
        self._made_at = 0.0

    async def answer(self, request: Request) -> Response:
        """The answer to one request."""
        if request.path not in ROUTES:
            return await self._console.answer(request) if self._console.has(request.path) else _NOT_FOUND
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
        found = self._access.refusal(request)
        if found is None:
            return None
        status, sentence = found
        return Response(status, f"{sentence}\n".encode(), _TEXT, CHALLENGE if status == 401 else ())

    async def _metrics(self) -> bytes:
        """Made once for all who ask within KEPT_S."""
        loop = asyncio.get_running_loop()
        if self._made is None or (self._made.done() and loop.time() - self._made_at >= KEPT_S):
            self._made_at = loop.time()
            self._made = asyncio.ensure_future(exposition(self._source.figures(), self._names))
        return await asyncio.shield(self._made)
