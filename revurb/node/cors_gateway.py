"""CORS for the HTTP API (`server.cors_origins`): lets pages of other origins call it from browsers.

A page that does needs a signature for each request, from the application: the secret does not belong in a page. Cookies
play no part, so no credentials are allowed (https://fetch.spec.whatwg.org/#http-cors-protocol).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace

from revurb.node.changed_answers import changed
from revurb.transport.handlers import Answer, RequestHandler, Upgrade
from revurb.wire.http import Request
from revurb.wire.response import Response

MAX_AGE_S = 7200  # for which a browser need not ask again; Chrome's own limit
_EXPOSED = "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"


class CorsGateway:
    """The transport's RequestHandler: answers preflight requests, and adds the fields that browsers look for. `path` is
    the prefix of all routes; of `origins`, "*" is any."""

    def __init__(self, gateway: RequestHandler, origins: Sequence[str], path: str) -> None:
        self._gateway = gateway
        self._origins = frozenset(origins)
        self._path = f"{path}/apps/"

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.upgrade or not request.path.startswith(self._path):
            return self._gateway.on_request(request)
        fields = self._fields_for(request.headers.get("origin"))
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return Response(204, headers=(*fields, *_PREFLIGHT) if fields else ())
        answer = self._gateway.on_request(request)
        if not fields:
            return answer
        return changed(
            answer, lambda made: _with(made, (*fields, ("Access-Control-Expose-Headers", _EXPOSED)))
        )

    def _fields_for(self, origin: str | None) -> tuple[tuple[str, str], ...]:
        if "*" in self._origins:
            return (("Access-Control-Allow-Origin", "*"),)
        if origin is None or origin.lower() not in self._origins:
            return ()
        return (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))


_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Max-Age", str(MAX_AGE_S)),
)


def _with(answer: Answer, fields: tuple[tuple[str, str], ...]) -> Answer:
    return answer if isinstance(answer, Upgrade) else replace(answer, headers=(*answer.headers, *fields))
