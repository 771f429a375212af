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
from urllib.parse import parse_qsl

from revurb.api.answers import unauthorized
from revurb.apps import App
from revurb.wire.http import Request

_MD5 = hashlib.md5(
    usedforsecurity=False
)  # copied for each body: OpenSSL takes 2 us to find the algorithm again


def parse_query(query: str) -> dict[str, str]:
    """Parameters, decoded; the last of a name counts."""
    if not _encoded(query):
        # What SDKs send to publish has nothing to decode: 2 us instead of 8.
        try:
            return dict([part.split("=", 1) for part in query.split("&")])
        except ValueError:
            pass  # a part without "="
    return dict(_pairs(query))


def verify(
    request: Request, given: dict[str, str], app: App, paths: tuple[str, ...], now: float, max_age_s: int
) -> None:
    """Return if the request is the app's, raise ApiError (401) if not.

    `given` is the parsed query, `paths` are the forms of the path that may have been signed, `now` is seconds since
    1970, `max_age_s` 0 turns the check of the timestamp off.
    """
    if not _signed(request, given.get("auth_signature", ""), app, paths):
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


def _signed(request: Request, signature: str, app: App, paths: tuple[str, ...]) -> bool:
    """Whether the signature fits any form of the query on any of the paths."""
    for form in _DECODED_FORMS if _encoded(request.query) else _FORMS:
        query = form(request.query)
        for path in paths:
            if app.signed(f"{request.method}\n{path}\n{query}", signature):
                return True
    return False


def _plain_form(query: str) -> str:
    """Pusher's form of a query that has nothing to decode, no capitals, and no name that begins with another."""
    parts = query.split("&")
    if parts[-1].startswith("auth_signature=") and query.count("auth_signature=") == 1:
        del parts[-1]  # where every SDK puts it
    else:
        parts = [part for part in parts if not part.startswith("auth_signature=")]
    parts.sort()
    return "&".join(parts)


def _pusher_form(query: str) -> str:
    """Names in lower case, sorted."""
    pairs = sorted((key.lower(), value) for key, value in _pairs(query) if key != "auth_signature")
    return "&".join(f"{key}={value}" for key, value in pairs)


def _reverb_form(query: str) -> str:
    """Names as sent, sorted by byte, the last of a name counts; `k[]=1&k[]=2` is `k=1,2`."""
    grouped: dict[str, list[str]] = {}
    for key, value in _pairs(query):
        if key.endswith("[]"):
            grouped.setdefault(key[:-2], []).append(value)
        else:
            grouped[key] = [value]
    grouped.pop("auth_signature", None)
    return "&".join(f"{key}={','.join(grouped[key])}" for key in sorted(grouped))


# The form that nearly every request has first; the others are worked out for those that it does not fit.
_DECODED_FORMS = (_pusher_form, _reverb_form)
_FORMS = (_plain_form, *_DECODED_FORMS)


def _encoded(query: str) -> bool:
    return "%" in query or "+" in query


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, separator="&")


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
    md5 = _MD5.copy()
    md5.update(body)
    return md5.hexdigest()
