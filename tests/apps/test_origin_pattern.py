"""Which patterns of origins can match, and what is meant by those that cannot."""

from __future__ import annotations

import pytest

from revurb.apps.origin_pattern import OriginPatternError, canonical_host, check_origin_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "*", "laravel.com", "*.example.com", "LARAVEL.com", "shop-*.example.com", "localhost", "127.0.0.1", "192.168.*",
        "::1", "[::1]", "[2001:db8:*]", "fe80::*", "my_host", "xn--mller-kva.de", "example.com.", "*example*",
    ],
)  # fmt: skip
def test_a_pattern_that_can_match(pattern: str) -> None:
    assert check_origin_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("https://example.com", ("example.com",)),
        ("HTTP://Example.com/", ("Example.com",)),
        ("*://example.com", ("example.com",)),
        ("//example.com", ("example.com",)),
        ("https://*.example.com:8443/app?x", ("*.example.com",)),
        ("localhost:3000", ("localhost",)),
        ("localhost:*", ("localhost",)),
        ("[::1]:3000", ("[::1]",)),
        ("http://[::1]:3000", ("[::1]",)),
        ("example.com/", ("example.com",)),
        ("user@example.com", ("example.com",)),
        ("a.com;b.com", ("a.com", "b.com")),
        ("a.com b.com", ("a.com", "b.com")),
        ("https://a.com; https://b.com:8", ("a.com", "b.com")),
        ("a.com|b.com", ("a.com", "b.com")),
        ("'example.com'", ("example.com",)),
        (".example.com", ("*.example.com",)),
        ("m\u00fcller.de", ("xn--mller-kva.de",)),
        ("^https?:", ()),
        ("example..com", ()),
        ("[::1", ("[::1]",)),
        ("[:::1]", ()),
        ("http://", ()),
        ("null", ()),
        ("http://x y", ("x", "y")),
        ("", ()),
        ("$", ()),
    ],
)
def test_a_pattern_that_matches_no_page_says_what_may_be_meant(pattern: str, meant: tuple[str, ...]) -> None:
    with pytest.raises(OriginPatternError) as caught:
        check_origin_pattern(pattern)
    assert caught.value.meant == meant
    assert repr(pattern) in str(caught.value)
    assert all(repr(name) in str(caught.value) for name in meant)


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("LARAVEL.com", "laravel.com"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:DB8:*]", "2001:db8:*"),
        ("[", "["),
    ],
)
def test_hosts_are_compared_in_one_form(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical
