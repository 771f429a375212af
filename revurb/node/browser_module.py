"""The module for browsers at `/revurb.js` and `/revurb.mjs`, with `REVURB_BROWSER_MODULE=true`: pages load what lets
pusher-js resume from the server that they connect to anyway. Without it nothing of this is on the way of a request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from pathlib import Path

from revurb.transport.handlers import Answer, RequestHandler
from revurb.wire.http import Request
from revurb.wire.response import Response

JAVASCRIPT_TYPE = "text/javascript; charset=utf-8"
MAX_AGE_S = 3600  # then a browser asks whether it has changed
_FOLDER = Path(__file__).parents[1] / "browser"
_FILES = {"/revurb.js": "resume.umd.js", "/revurb.mjs": "resume.mjs"}


class BrowserModule:
    """A RequestHandler that answers the two paths below the prefix `path`, and passes every other request on."""

    def __init__(self, handler: RequestHandler, path: str) -> None:
        self._handler = handler
        self._files = {path + name: _file_response(_FOLDER / file) for name, file in _FILES.items()}

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        found = self._files.get(request.path)
        if found is None or request.upgrade or request.method not in ("GET", "HEAD"):
            return self._handler.on_request(request)
        response, etag = found
        given = request.headers.get("if-none-match", "")
        if given == "*" or etag in (tag.strip().removeprefix("W/") for tag in given.split(",")):
            return Response(304, headers=response.headers)
        return response


def _file_response(path: Path) -> tuple[Response, str]:
    """The answer with a file, and its entity tag (RFC 9110 8.8.3)."""
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = (
        ("ETag", etag),
        ("Cache-Control", f"public, max-age={MAX_AGE_S}"),
        ("X-Content-Type-Options", "nosniff"),
        # Pages are of another origin than the server as a rule, and module scripts are fetched with CORS.
        ("Access-Control-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    )
    return Response(200, body, JAVASCRIPT_TYPE, headers), etag
