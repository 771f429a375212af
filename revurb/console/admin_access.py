"""Who is answered by the admin listener: whoever has the token. Without one, which is for loopback alone, a request has
to name an address or localhost as its host: a page in a browser of this machine could ask under a name of its own that
leads here.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from revurb.wire.http import Request

NO_TOKEN = "Send `Authorization: Bearer TOKEN`, with the token of admin.token (REVURB_ADMIN_TOKEN)."
OTHER_HOST = "Without a token (REVURB_ADMIN_TOKEN) only requests to an address or to localhost are answered."
CHALLENGE = (("WWW-Authenticate", 'Bearer realm="revurb"'),)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class AdminAccess:
    """The check of one listener, whose token is `token`."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """Status and sentence for a request that is not answered; None for one that is."""
        if self._token is None:
            return None if is_address(request.headers.get("host", "")) else (403, OTHER_HOST)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
        return None if scheme.lower() == "bearer" and is_right else (401, NO_TOKEN)


def is_address(host: str) -> bool:
    """Whether a Host field names an address or localhost, with a port or without."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost" or not host:  # HTTP/1.0 has none, and no browser speaks it
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` (RFC 6454) was served under the name that a Host field has."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    return port is not None and parts.netloc.removesuffix(port) == host.lower().removesuffix(port)
