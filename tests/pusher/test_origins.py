import pytest

from revurb.pusher.origins import origin_allowed

ALLOWED = ("laravel.com", "*.example.com")


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("http://laravel.com", ALLOWED, True),
        ("https://laravel.com:8443", ALLOWED, True),
        ("http://LARAVEL.com", ALLOWED, True),
        ("http://sub.example.com", ALLOWED, True),
        ("http://a.b.example.com", ALLOWED, True),
        ("http://example.com", ALLOWED, False),
        ("http://evil.test", ALLOWED, False),
        ("http://laravel.com.evil.test", ALLOWED, False),
        ("http://laravelxcom", ALLOWED, False),
        ("http://evil.test/laravel.com", ALLOWED, False),
        ("laravel.com", ALLOWED, False),
        ("null", ALLOWED, False),
        ("http://[::1", ALLOWED, False),
        ("", ALLOWED, False),
        (None, ALLOWED, False),
        (None, ("*",), True),
        ("null", ("a.test", "*"), True),
        ("http://anything", (), False),
        ("http://[::1]:3000", ("[::1]",), True),
        ("http://[::1]:3000", ("::1",), True),
        ("http://[::1]", ("[0:0:0:0:0:0:0:1]",), True),
        ("http://[2001:DB8::7]", ("[2001:db8:*]",), True),
        ("http://[::2]", ("[::1]",), False),
    ],
)
def test_origins(origin: str | None, allowed: tuple[str, ...], expected: bool) -> None:
    assert origin_allowed(origin, allowed) is expected
