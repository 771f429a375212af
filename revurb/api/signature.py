"""Is this request signed by the app it names?

The rule (Pusher docs, "HTTP API: authentication"): `auth_signature` is HMAC-SHA256 in hex, under the app's secret,
of `METHOD\\npath\\nquery`, where query is every parameter but auth_signature, keys in lower case, sorted, values
not percent-encoded, joined as `k=v&k=v`. `body_md5` is one of them wherever there is a body.

Three things vary between SDKs and proxies, and either form is accepted: keys as sent rather than in lower case
with arrays joined by commas (what Reverb and PHP make of a query), the path with or without our prefix, and a path
that begins with several slashes as one that begins with one (a PHP SDK whose `path` is "/").

Checked besides, which Reverb does not: that auth_key is the app's, auth_version 1.0, auth_timestamp recent, and
body_md5 the body's. A request that is not signed with the secret is not told which of these was wrong.
"""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qsl

from revurb.api.answers import ApiError, unauthorized
from revurb.apps import App
from revurb.wire.http import Request, cut_query

_MD5 = hashlib.md5(
    usedforsecurity=False
)  # copied for each body: OpenSSL takes 2 us to find the algorithm again


def verify(
    request: Request, app: App, paths: tuple[str, ...], now: float, max_age_s: int, *, head_only: bool = False
) -> dict[str, str]:
    """The request's parameters, decoded, the last of a name counting; ApiError (401) if the request is not the app's.

    `paths` are the forms of the path that may have been signed, `now` is seconds since 1970, `max_age_s` 0 turns the
    check of the timestamp off. With `head_only` the body is not here yet: there has to be a `body_md5`.
    """
    cut = cut_query(request.query)
    if cut is not None:  # what SDKs send to publish has nothing to decode: 1 us for both instead of 10
        given, plain = cut
        signature = given.get("auth_signature", "")
        signed = app.signed(f"{request.method}\n{paths[0]}\n{plain}", signature)
    else:
        given, plain = dict(_pairs(request.query)), None
        signature = given.get("auth_signature", "")
        signed = False
    if not signed and not _signed_otherwise(request, plain, signature, app, paths):
        raise unauthorized()
    if given.get("auth_key") != app.key:
        raise unauthorized("auth_key is not the key of this app.")
    if given.get("auth_version") != "1.0":
        raise unauthorized("auth_version must be 1.0.")
    if max_age_s:
        timestamp = given.get("auth_timestamp", "")
        # isdecimal: int() would take signs, spaces and underscores, and any number of digits.
        if not (timestamp.isdecimal() and timestamp.isascii() and len(timestamp) <= 12):
            raise unauthorized("auth_timestamp must be whole seconds since 1970.")
        if not -max_age_s <= now - int(timestamp) <= max_age_s:
            raise _too_old(now - int(timestamp), max_age_s)
    body, body_md5 = request.body, given.get("body_md5")
    if head_only:
        if body_md5 is None:
            raise unauthorized("body_md5 is required.")
    elif body or body_md5 is not None:
        md5 = _MD5.copy()
        md5.update(body)
        if body_md5 != md5.hexdigest():
            raise unauthorized("body_md5 must be the MD5 of the request body, in hex.")
    return given


def _signed_otherwise(
    request: Request, plain: str | None, signature: str, app: App, paths: tuple[str, ...]
) -> bool:
    """Whether the signature fits any form of the query on any of the paths."""
    forms = [_pusher_form(request.query), _reverb_form(request.query)]
    if plain is not None:
        forms.insert(0, plain)
    paths += tuple("/" + path.lstrip("/") for path in paths if path.startswith("//"))
    return any(
        app.signed(f"{request.method}\n{path}\n{form}", signature)
        for form in dict.fromkeys(forms)
        for path in paths
    )


def _pusher_form(query: str) -> str:
    """Names in lower case, sorted."""
    pairs = sorted((key.lower(), value) for key, value in _pairs(query) if key != "auth_signature")
    return "&".join(f"{key}={value}" for key, value in pairs)


def _reverb_form(query: str) -> str:
    """Names as sent, sorted by byte, the last of a name counts; `k[]=1&k[]=2` is `k=1,2`. What has no name is left
    out."""
    grouped: dict[str, list[str]] = {}
    for key, value in _pairs(query):
        if not key:
            continue
        if key.endswith("[]"):
            grouped.setdefault(key[:-2], []).append(value)
        else:
            grouped[key] = [value]
    grouped.pop("auth_signature", None)
    return "&".join(f"{key}={','.join(grouped[key])}" for key in sorted(grouped))


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, separator="&")


def _too_old(age_s: float, max_age_s: int) -> ApiError:
    return unauthorized(
        f"auth_timestamp is {abs(age_s):.0f} s {'old' if age_s > 0 else 'ahead'}; {max_age_s} s are allowed"
        " (REVURB_SIGNATURE_MAX_AGE). Check the clocks."
    )
