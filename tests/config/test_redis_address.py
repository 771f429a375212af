"""Laravel's rules for a Redis URL over single options, as a table."""

import pytest

from revurb.config import RedisAddress, RedisConfig, redis_address

PARTS = RedisConfig(host="h", port=1, username="u", password="p", db=2)


def address(**changes: object) -> RedisAddress:
    given: dict[str, object] = {
        "host": "h", "port": 1, "path": None, "tls": False, "username": "u", "password": "p", "db": 2,
    }  # fmt: skip
    return RedisAddress(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, address()),
        ("redis://other", address(host="other")),
        ("redis://other:7000", address(host="other", port=7000)),
        ("tcp://other", address(host="other")),
        ("rediss://other", address(host="other", tls=True)),
        ("tls://other", address(host="other", tls=True)),
        ("REDISS://Other", address(host="other", tls=True)),
        ("redis://me:secret@other", address(host="other", username="me", password="secret")),
        ("redis://:secret@other", address(host="other", password="secret")),
        ("redis://me@other", address(host="other", username="me")),
        ("redis://me:a%40b%2Fc@other", address(host="other", username="me", password="a@b/c")),
        ("redis://other/5", address(host="other", db=5)),
        ("redis://other/", address(host="other")),
        ("redis://other?database=5", address(host="other", db=5)),
        ("redis://other?db=5", address(host="other", db=5)),
        ("redis://other/4?database=5", address(host="other", db=5)),
        ("redis://other?password=q&username=w", address(host="other", username="w", password="q")),
        ("redis://other?timeout=5&read_timeout=60&persistent=true", address(host="other")),
        ("redis://other?scheme=tls", address(host="other", tls=True)),
        ("redis://[::1]:7000", address(host="::1", port=7000)),
        ("unix:///run/redis.sock", address(path="/run/redis.sock")),
        ("unix:///run/redis.sock?db=5", address(path="/run/redis.sock", db=5)),
        (
            "unix://me:secret@/run/redis.sock",
            address(path="/run/redis.sock", username="me", password="secret"),
        ),
    ],
)
def test_what_a_url_says_goes_before_the_options(url: str | None, expected: RedisAddress) -> None:
    assert redis_address(RedisConfig(url=url, host="h", port=1, username="u", password="p", db=2)) == expected


def test_the_scheme_option_asks_for_tls() -> None:
    assert redis_address(RedisConfig(scheme="tls")).tls
    assert not redis_address(RedisConfig(scheme="tls", url="redis://other")).tls


@pytest.mark.parametrize(
    "url",
    [
        "other", "http://other", "redis://", "redis://other:port", "redis://other:99999", "redis://other/five", "unix://",
        "redis://other?database=-1", "redis://me:hush@other/x", "redis://[::1", "redis://other?scheme=http",
    ],
)  # fmt: skip
def test_what_is_no_url_is_told_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it") as raised:
        redis_address(RedisConfig(url=url))
    assert "hush" not in str(raised.value)


def test_no_password_in_a_repr() -> None:
    assert "hush" not in repr(redis_address(RedisConfig(url="redis://u:hush@h")))
