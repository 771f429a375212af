"""Is this request signed by the app it names?

The rule (Pusher docs, "HTTP API: authentication"): `auth_signature` is HMAC-SHA256 in hex, under the app's secret,
of `METHOD\\npath\\nquery`, where query is every parameter but auth_signature, keys in lower case, sorted, values
not percent-encoded, joined as `k=v&k=v`. `body_md5` is one of them wherever there is a body.

Two things vary between SDKs and proxies, and either form is accepted: keys as sent rather than in lower case
with arrays joined by commas (what Reverb and PHP make of a query), and the path with or without our prefix.

Checked besides, which Reverb does not: that auth_key is the app's, auth_version 1.0, auth_timestamp recent, and
body_md5 the body's. Only who holds the secret is told which of these was wrong.
"""

from __future__ import annotations

import hashlib
from functools import partial
from urllib.parse import parse_qsl

from revurb.api.answers import unauthorized
from revurb.apps import App
from revurb.wire.http import Request

Params = list[tuple[str, str]]
_new_md5 = partial(hashlib.md5, usedforsecurity=False)


def parse_query(query: str) -> Params:
    """Parameters in the order sent, decoded."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True, separator="&")
    # What SDKs send to publish has nothing to decode: 1 us instead of 8.
    pairs = [part.partition("=") for part in query.split("&") if part]
    return [(key, value) for key, _, value in pairs]


def verify(
    request: Request, params: Params, app: App, paths: tuple[str, ...], now: float, max_age_s: int
) -> None:
    """Return if the request is the app's, raise ApiError (401) if not.

    `paths` are the forms of the path that may have been signed, `now` is seconds since 1970, `max_age_s` 0 turns the
    check of the timestamp off.
    """
    given = dict(params)
    signature = given.pop("auth_signature", "")
    if not (
        _signed(request, app, paths, _pusher_form(params), signature)
        or _signed(request, app, paths, _reverb_form(params), signature)
    ):
        raise unauthorized()
    if given.get("auth_key") != app.key:
        raise unauthorized("auth_key is not the key of this app.")
    if given.get("auth_version") != "1.0":
        raise unauthorized("auth_version must be 1.0.")
    if max_age_s:
        _check_age(given.get("auth_timestamp", ""), now, max_age_s)
    body_md5 = given.get("body_md5")
    if (request.body or body_md5 is not None) and body_md5 != _md5(request.body):
        raise unauthorized("body_md5 must be the MD5 of the request body, in hex.")


def _signed(request: Request, app: App, paths: tuple[str, ...], query: str, signature: str) -> bool:
    return any(app.signed(f"{request.method}\n{path}\n{query}", signature) for path in paths)


def _pusher_form(params: Params) -> str:
    """Keys in lower case, sorted."""
    pairs = sorted([(key.lower(), value) for key, value in params if key != "auth_signature"])
    return "&".join([f"{key}={value}" for key, value in pairs])


def _reverb_form(params: Params) -> str:
    """Keys as sent, sorted by byte, the last of a key counts; `k[]=1&k[]=2` is `k=1,2`."""
    grouped: dict[str, list[str]] = {}
    for key, value in params:
        if key == "auth_signature":
            continue
        if key.endswith("[]"):
            grouped.setdefault(key[:-2], []).append(value)
        else:
            grouped[key] = [value]
    return "&".join(f"{key}={','.join(grouped[key])}" for key in sorted(grouped))


def _check_age(timestamp: str, now: float, max_age_s: int) -> None:
    # isdecimal: int() would take signs, spaces and underscores, and any number of digits.
    if not (timestamp.isdecimal() and timestamp.isascii() and len(timestamp) <= 12):
        raise unauthorized("auth_timestamp must be whole seconds since 1970.")
    age_s = now - int(timestamp)
    if abs(age_s) > max_age_s:
        raise unauthorized(
            f"auth_timestamp is {abs(age_s):.0f} s {'old' if age_s > 0 else 'ahead'}; {max_age_s} s are allowed"
            " (REVURB_SIGNATURE_MAX_AGE). Check the clocks."
        )


def _md5(body: bytes) -> str:
    return _new_md5(body).hexdigest()
