"""The page at `/` with a test client, for trying a server out: with `--dev`, or `REVURB_TEST_PAGE=true`.

Without it nothing of this is on the way of a request. The page has its own script and loads nothing. It is given the
secret of the ready-made app only, which everybody knows; with another app it can listen to public channels.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Awaitable
from pathlib import Path

from revurb.apps import App
from revurb.config import Config, served_dev_app
from revurb.transport.handlers import Answer, RequestHandler
from revurb.version import __version__
from revurb.wire.http import Request
from revurb.wire.response import Response

HTML_TYPE = "text/html; charset=utf-8"
# Not by importlib.resources, which with what it imports is a megabyte: a package with kernels is in no archive.
PAGE = Path(__file__).parents[1] / "browser" / "test_page.html"


class TestPage:
    """A RequestHandler that answers browsers at the root of the server's paths, and passes every other request on."""

    __test__ = False  # no test of pytest

    def __init__(self, handler: RequestHandler, config: Config, app: App) -> None:
        """`app` is the one that the page speaks to."""
        self._handler = handler
        self._paths = (config.server.path or "/", f"{config.server.path}/")
        self._response = page_response(app, secret=app.secret if served_dev_app(config) is app else None)

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if (
            request.path in self._paths
            and request.method in ("GET", "HEAD")
            and not request.upgrade
            and "text/html" in request.headers.get("accept", "")  # a load balancer does not ask for that
        ):
            return self._response
        return self._handler.on_request(request)


def page_response(app: App, secret: str | None) -> Response:
    """The page for an app, with the secret if it may be known."""
    template = PAGE.read_text("utf-8")
    settings = {"version": __version__, "app": app.id, "key": app.key, "secret": secret}
    # In a script element nothing but "</" and "<!--" could end it early.
    shown = json.dumps(settings).replace("<", "\\u003c")
    page = template.replace("SETTINGS", shown, 1)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self' ws: wss:; "
        "img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (("Content-Security-Policy", policy), ("Cache-Control", "no-store"))
    return Response(200, page.encode(), HTML_TYPE, headers)
