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
    ],
)
def test_origins(origin: str | None, allowed: tuple[str, ...], expected: bool) -> None:
    assert origin_allowed(origin, allowed) is expected
