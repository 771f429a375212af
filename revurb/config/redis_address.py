"""Determines the address of the Redis from the single options and a URL, as Laravel's ConfigurationUrlParser does.

A part of the URL overrides the option of that name: scheme, host, port, user, password, path as the database, and then
each parameter of its query under its own name. For a part that the URL lacks, the option counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from revurb.config.scaling import RedisConfig

_SCHEMES = {"redis": "tcp", "tcp": "tcp", "rediss": "tls", "tls": "tls", "unix": "unix"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """The address of one Redis server. `path` is that of a Unix socket, which replaces host and port."""

    host: str
    port: int
    path: str | None
    tls: bool
    username: str | None
    password: str | None = field(repr=False)
    db: int


def redis_address(config: RedisConfig) -> RedisAddress:
    """Returns the address. Raises ValueError for an invalid URL; its text never contains the password."""
    values: dict[str, str | int | None] = {
        "scheme": config.scheme,
        "host": config.host,
        "port": config.port,
        "username": config.username,
        "password": config.password,
        "database": config.db,
        "path": None,
    }
    if config.url is not None:
        values.update(_parts(config.url))
    return RedisAddress(
        host=str(values["host"]),
        port=_number("port", values["port"], 65535),
        path=None if values["path"] is None else str(values["path"]),
        tls=values["scheme"] == "tls",
        username=None if values["username"] is None else str(values["username"]),
        password=None if values["password"] is None else str(values["password"]),
        db=_number("database", values["database"], 1_000_000),
    )


def _parts(url: str) -> dict[str, str | int | None]:
    """Returns the parts that the URL has. Raises ValueError."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("it is no URL") from error
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None:
        raise ValueError(f"its scheme is {parts.scheme!r}; allowed: redis, rediss, tcp, tls, unix")
    found: dict[str, str | int | None] = {"scheme": scheme}
    if scheme == "unix":
        if not parts.path:
            raise ValueError("it has no path")
        found["path"] = unquote(parts.path)
    else:
        if not parts.hostname:
            raise ValueError("it has no host")
        found["host"] = parts.hostname
        if parts.path.strip("/"):
            found["database"] = unquote(parts.path.strip("/"))
    if port is not None:
        found["port"] = port
    if parts.username:
        found["username"] = unquote(parts.username)
    if parts.password:
        found["password"] = unquote(parts.password)
    for name, value in parse_qsl(parts.query):
        name = {"db": "database"}.get(name, name)
        if name in ("host", "port", "username", "password", "database"):
            found[name] = value
        elif name == "scheme":
            if value not in ("tcp", "tls"):
                raise ValueError(f"its parameter scheme is {value!r}; allowed: tcp, tls")
            found[name] = value
        # Other parameters are of the PHP client (timeout, persistent, ...). They are ignored; Laravel accepts them.
    return found


def _number(name: str, value: str | int | None, maximum: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and int(text) <= maximum):
        raise ValueError(f"its {name} is {text!r}; allowed: a number up to {maximum}")
    return int(text)
