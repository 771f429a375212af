"""Which web pages may connect: an app's `allowed_origins` against the Origin header.

As in Reverb, patterns are matched against the host alone (no scheme, no port), `*` stands for any run of
characters, dots included, and a lone `*` lets everyone in, also clients that send no Origin. Unlike Reverb, host
names are compared without regard to case (RFC 9110 4.2.3), and IPv6 addresses with or without brackets.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from revurb.apps.origin_pattern import canonical_host


def origin_allowed(origin: str | None, allowed: tuple[str, ...]) -> bool:
    """`origin` is the header as sent, None when there is none."""
    if "*" in allowed:
        return True
    if not origin:
        return False
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return host is not None and _matcher(allowed).fullmatch(canonical_host(host)) is not None


@lru_cache(maxsize=1024)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    one_each = (
        ".*".join(re.escape(part) for part in canonical_host(pattern).split("*")) for pattern in patterns
    )
    return re.compile("|".join(one_each))
