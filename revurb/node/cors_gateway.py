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
        allowed = self._allowed(request.headers.get("origin"))
        fields: tuple[tuple[str, str], ...] = (
            () if allowed is None else (("Access-Control-Allow-Origin", allowed),)
        )
        if "*" not in self._origins:  # an answer depends on who asks, whoever does
            fields = (*fields, ("Vary", "Origin"))
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return Response(204, headers=fields if allowed is None else (*fields, *_PREFLIGHT))
        if allowed is not None:
            fields = (*fields, ("Access-Control-Expose-Headers", _EXPOSED))
        answer = self._gateway.on_request(request)
        return changed(answer, lambda made: _with(made, fields))

    def _allowed(self, origin: str | None) -> str | None:
        """The origin that may read the answer, or "*"; None if this one may not."""
        if "*" in self._origins:
            return "*"
        return origin if origin is not None and origin.lower() in self._origins else None


_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST, DELETE"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Max-Age", str(MAX_AGE_S)),
)


def _with(answer: Answer, fields: Sequence[tuple[str, str]]) -> Answer:
    return answer if isinstance(answer, Upgrade) else replace(answer, headers=(*answer.headers, *fields))
