"""Signs a request to the HTTP API, as an application's server SDK does. Pusher docs, "Generating authentication
signatures"."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from revurb.apps.app import App


def signed_target(app: App, method: str, path: str, body: bytes, timestamp_s: int) -> str:
    """`path` with the query parameters that sign the request: `/apps/1/events?auth_key=...&auth_signature=...`.

    The signature is that of `METHOD\\npath\\nquery`, with the parameters sorted by name and not percent-encoded.
    """
    parameters = {
        "auth_key": app.key,
        "auth_timestamp": str(timestamp_s),
        "auth_version": "1.0",
    }
    if body:
        parameters["body_md5"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
    query = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    parameters["auth_signature"] = app.sign(f"{method}\n{path}\n{query}")
    return f"{path}?{urlencode(parameters)}"
