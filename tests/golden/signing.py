"""Captured signatures made over the socket id of today.

Rule 1: what was rightly signed in the capture is so in the replay; what was wrong stays as it was.
Rule 2: bytes that need no change are not changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse

from revurb.apps import App

_SIGNATURE = re.compile(r"(?=.*[1-9a-f])[0-9a-f]{64}")  # 64 zeros is how the captures spell a wrong one


def resigned_message(text: str, app: App, captured_id: str | None, live_id: str) -> str:
    """A captured message as the owner of `live_id` would send it.

    `captured_id` is the socket id of its sender in the capture, None where the capture does not show it;
    there, whatever looks like a signature counts as a right one.
    """
    try:
        data = json.loads(text)["data"]
        channel, auth = data["channel"], data["auth"]
    except (ValueError, KeyError, TypeError):
        return text
    if not isinstance(auth, str):
        return text
    signature = auth.rpartition(":")[2]
    if not _SIGNATURE.fullmatch(signature):
        return text
    signed = f":{channel}"
    if "channel_data" in data:
        user = data["channel_data"]
        signed += ":" + (user if isinstance(user, str) else json.dumps(user, separators=(",", ":")))
    if captured_id is not None and app.sign(captured_id + signed) != signature:
        return text
    return text.replace(signature, app.sign(live_id + signed))


def resigned_request(request: bytes, app: App, ids: dict[str, str]) -> bytes:
    """A captured HTTP request with the captured socket ids of its body replaced (`ids`: captured to live)."""
    head, _, body = request.partition(b"\r\n\r\n")
    changed = body
    for captured_id, live_id in ids.items():
        changed = changed.replace(f'"{captured_id}"'.encode(), f'"{live_id}"'.encode())
    if changed == body:
        return request
    line, *headers = head.decode().split("\r\n")
    method, target, version = line.split(" ")
    path, _, query = target.partition("?")
    parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    parameters["body_md5"] = hashlib.md5(changed, usedforsecurity=False).hexdigest()
    parameters["auth_signature"] = request_signature(app, method, path, parameters)
    headers = [re.sub(r"(?i)^(content-length: *)\d+$", rf"\g<1>{len(changed)}", header) for header in headers]
    line = f"{method} {path}?{urllib.parse.urlencode(parameters)} {version}"
    return "\r\n".join([line, *headers, "", ""]).encode() + changed


def request_signature(app: App, method: str, path: str, parameters: dict[str, str]) -> str:
    """The signature of a request of the HTTP API (Pusher docs, "Authentication")."""
    pairs = sorted((name, value) for name, value in parameters.items() if name != "auth_signature")
    return app.sign("\n".join([method, path, "&".join(f"{name}={value}" for name, value in pairs)]))
