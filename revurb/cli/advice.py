"""What to do about an error whose text comes from elsewhere: the system, a server, a library."""

from __future__ import annotations

import re

# The first that is found in the text counts.
_ADVICE: tuple[tuple[str, str], ...] = (
    ("connection refused", "start one with revurb serve, or name another with --url"),
    ("name or service not known|no address associated", "check the host in --url"),
    ("temporary failure in name resolution", "check the host in --url, and the network"),
    ("wrong version number|record layer failure", "that port speaks no TLS: name it with http:// or ws://"),
    ("certificate is not trusted: hostname", "name the host that its certificate is for in --url"),
    ("certificate is not trusted", "trust its CA: SSL_CERT_FILE names a file of CAs"),
    ("no answer within", "is something else on that port, or a firewall before it?"),
    (
        r"\b401\b",
        "key and secret must be those that the server has, and the clocks alike: revurb config show",
    ),
    (
        r"\b404\b.*application|\b4001\b",
        "the server has other apps: revurb apps list says which are configured here",
    ),
    (r"\b4003\b|\b403\b.*disabled", "revurb apps enable serves it again"),
    (r"\b4009\b", "the page's origin is not allowed, or the secret is another: revurb config show"),
    (r"\b4004\b|\b4100\b", "the server has as many connections as it may have: revurb status"),
    (r"\b429\b", "a limit of the app: wait, and see revurb config show"),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in _ADVICE)


def with_advice(text: str) -> str:
    """`text`, and behind it what to do, if that is known."""
    for pattern, advice in _COMPILED:
        if pattern.search(text):
            return f"{text.rstrip('.')}; {advice}"
    return text
