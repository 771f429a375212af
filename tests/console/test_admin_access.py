"""Whose questions are answered, and which pages may ask. Tokens and hosts: `test_admin_routes.py`."""

from __future__ import annotations

import pytest

from revurb.console.admin_access import NO_TOKEN, OTHER_HOST, AdminAccess, is_own_origin
from revurb.wire.http import Request


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://127.0.0.1:9100", "127.0.0.1:9100", True),
        ("http://LocalHost:9100", "localhost:9100", True),
        ("http://[::1]:9100", "[::1]:9100", True),
        ("https://revurb.example.com", "revurb.example.com", True),
        ("https://revurb.example.com", "revurb.example.com:443", True),
        ("http://revurb.example.com:80", "revurb.example.com", True),
        ("http://127.0.0.1:9101", "127.0.0.1:9100", False),
        ("http://example.com", "127.0.0.1:9100", False),
        ("http://127.0.0.1:9100.example.com", "127.0.0.1:9100", False),
        ("http://user@127.0.0.1:9100", "127.0.0.1:9100", False),
        ("null", "127.0.0.1:9100", False),
        ("", "", False),
        ("http://[", "[", False),
        ("file://", "", False),
    ],
)
def test_the_origin_has_to_be_the_host(origin: str, host: str, is_own: bool) -> None:
    assert is_own_origin(origin, host) == is_own


def test_a_refusal_says_what_to_do() -> None:
    request = Request("GET", "/", "", {"host": "example.com"}, b"", "1.1", True, False)
    assert AdminAccess("geheim").refusal(request) == (401, NO_TOKEN)
    assert AdminAccess(None).refusal(request) == (403, OTHER_HOST)
