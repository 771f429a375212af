"""Laravel's rules for a Redis URL over single options, as a table."""

from typing import Any

import pytest

from revurb.config import RedisAddress, RedisConfig, redis_address
from revurb.config.redis_address import host_and_port

PARTS = RedisConfig(host="h", port=1, username="u", password="p", db=2)


def address(**changes: object) -> RedisAddress:
    host = "h" if changes.get("path") is None else ""
    given: dict[str, object] = {
        "host": host, "port": 1, "path": None, "tls": False, "username": "u", "password": "p", "db": 2,
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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"host": "/run/redis.sock", "port": 0}, address(path="/run/redis.sock", port=0)),
        ({"host": "/run/redis.sock", "scheme": "unix"}, address(path="/run/redis.sock")),
        ({"host": "unix:///run/redis.sock"}, address(path="/run/redis.sock")),
        ({"scheme": "unix", "path": "/run/redis.sock"}, address(path="/run/redis.sock")),
        ({"scheme": "unix", "path": "/run/redis.sock", "port": -1}, address(path="/run/redis.sock", port=0)),
        ({"path": "/run/redis.sock"}, address()),
        ({"scheme": "rediss"}, address(tls=True)),
        ({"scheme": "ssl"}, address(tls=True)),
        ({"scheme": "redis"}, address()),
        ({"host": "tls://h"}, address(tls=True)),
        ({"host": "ssl://h"}, address(tls=True)),
        ({"host": "tls://h:7000"}, address(tls=True, port=7000)),
        ({"host": "tcp://h", "scheme": "tls"}, address()),
        ({"host": "::1"}, address(host="::1")),
        ({"host": "[::1]"}, address(host="::1")),
        ({"host": "tls://[::1]:7000"}, address(host="::1", tls=True, port=7000)),
        ({"host": "nonsense://", "url": "redis://h"}, address()),
        ({"host": "/run/redis.sock", "port": 0, "url": "redis://h:1"}, address()),
    ],
)
def test_laravels_own_forms(options: dict[str, Any], expected: RedisAddress) -> None:
    given = {"host": "h", "port": 1, "username": "u", "password": "p", "db": 2, **options}
    assert redis_address(RedisConfig(**given)) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"port": 0},
        {"port": -1},
        {"scheme": "unix"},
        {"host": "http://h"},
        {"host": "tls://"},
        {"host": "tls://[::1"},
    ],
)
def test_what_is_no_address(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"port|path|scheme|host|bracket"):
        redis_address(RedisConfig(**options))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one", ("one", 26379)),
        ("one:5", ("one", 5)),
        ("::1", ("::1", 26379)),
        ("[::1]", ("::1", 26379)),
        ("[::1]:5", ("::1", 5)),
    ],
)
def test_hosts_with_and_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, 26379) == expected


@pytest.mark.parametrize(
    "text", ["", ":5", "one:", "one:0", "one:65536", "one:x", "[::1", "[::1]5", "[]:5", "one:\uff15"]
)
def test_what_is_no_host_with_a_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|bracket"):
        host_and_port(text, 26379)


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
