"""The files of the console's pages, which are read once, at the start: no path of a request leads to a file.

They are the same for everybody and say nothing of the server, so they need no token. The policy lets a page run scripts
of this listener alone, make no markup of texts, and connect to it and to WebSockets, which are on another port.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from revurb.wire.http import Request
from revurb.wire.response import Response

PREFIX = "/console/"
INDEX = "index.html"
FOLDER = Path(__file__).parents[1] / "browser" / "console"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"  # no text becomes markup, whatever a page does
)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_HEADERS = (
    ("Cache-Control", "no-cache"),
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class ConsoleFiles:
    """The files of `folder` and below whose type is known, by the paths at which they are."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files: dict[str, tuple[Response, str]] = {}
        for path in sorted(folder.rglob("*")):
            content_type = TYPES.get(path.suffix)
            if content_type is not None and path.is_file():
                self._files[PREFIX + path.relative_to(folder).as_posix()] = _file_answer(path, content_type)
        if found := self._files.get(PREFIX + INDEX):
            self._files[PREFIX] = found

    def find(self, request: Request) -> Response | None:
        """The answer with a file, or that it has not changed; None where there is none."""
        found = self._files.get(request.path)
        if found is None:
            return None
        response, etag = found
        given = request.headers.get("if-none-match", "")
        if given == "*" or etag in (tag.strip().removeprefix("W/") for tag in given.split(",")):
            return Response(304, headers=response.headers)
        return response


def _file_answer(path: Path, content_type: str) -> tuple[Response, str]:
    """The answer, and its entity tag (RFC 9110 8.8.3)."""
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Response(200, body, content_type, (("ETag", etag), *_HEADERS)), etag
