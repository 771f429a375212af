"""The API on a desk: signed requests in, responses out, with no connection between."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import orjson

from revurb.api.endpoint import Api
from revurb.apps import App, AppProvider, FixedApps
from revurb.wire.http import Request
from revurb.wire.response import Response
from tests.pusher.room import Room, an_app

NOW = 1_700_000_000

ALL = "subscription_count,user_count,occupied,cache"  # what `info` can ask for


def a_request(method: str, target: str, body: bytes = b"") -> Request:
    path, _, query = target.partition("?")
    return Request(
        method=method,
        path=path,
        query=query,
        headers={},
        body=body,
        version="1.1",
        keep_alive=True,
        upgrade=False,
    )


def signed_query(app: App, method: str, path: str, body: bytes = b"", **params: str) -> str:
    """The query that a server SDK would send, in an order of its own."""
    every = {"auth_key": app.key, "auth_timestamp": str(NOW), "auth_version": "1.0", **params}
    if body:
        every.setdefault("body_md5", hashlib.md5(body).hexdigest())
    text = "&".join(f"{key}={value}" for key, value in sorted(every.items()))
    every["auth_signature"] = app.sign(f"{method}\n{path}\n{text}")
    return "&".join(f"{key}={quote(value)}" for key, value in reversed(every.items()))


class Desk(Room):
    """A room whose API can be called."""

    def __init__(
        self,
        apps: AppProvider | None = None,
        *,
        path: str = "",
        max_age_s: int = 600,
        max_request_size_bytes: int = 10_000,
    ) -> None:
        super().__init__()
        self.app = an_app()
        self.unready: str | None = None
        self.degraded: str | None = None
        self.api = Api(
            apps or FixedApps([self.app, an_app(id="app2", key="key2", secret="secret2")]),
            self.trigger,
            self.bus,
            path=path,
            signature_max_age_s=max_age_s,
            max_request_size_bytes=max_request_size_bytes,
            clock=lambda: NOW,
            unready=lambda: self.unready,
            degraded=lambda: self.degraded,
        )

    def ask(self, method: str, target: str, body: bytes = b"") -> Response:
        """An unsigned request, or one that is signed already."""
        response = self.api.answer(a_request(method, target, body))
        assert isinstance(response, Response)
        return response

    def call(self, method: str, path: str, body: object = None, **params: str) -> tuple[int, Any]:
        """A signed request to `/apps/app1{path}`; returns the status and the JSON, or the text."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        path = f"/apps/app1{path}"
        response = self.ask(method, f"{path}?{signed_query(self.app, method, path, raw, **params)}", raw)
        is_json = response.content_type == "application/json"
        return response.status, orjson.loads(response.body) if is_json else response.body.decode()
