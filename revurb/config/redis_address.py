"""Determines the address of the Redis from the single options and a URL, as Laravel's ConfigurationUrlParser does.

The host may be what PHP's Redis clients take for one, too: the path of a Unix socket, or a name behind a scheme.

A part of the URL overrides the option of that name: scheme, host, port, user, password, path as the database, and then
each parameter of its query under its own name. For a part that the URL lacks, the option counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from revurb.config.scaling import RedisConfig

_SCHEMES = {"redis": "tcp", "tcp": "tcp", "rediss": "tls", "tls": "tls", "ssl": "tls", "unix": "unix"}
_ALLOWED_SCHEMES = "redis, rediss, tcp, tls, ssl, unix"


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
    """Returns the address. Raises ValueError for an invalid URL or host; its text never contains the password."""
    values: dict[str, str | int | None] = {
        "scheme": _SCHEMES[config.scheme],
        "port": config.port,
        "username": config.username,
        "password": config.password,
        "database": config.db,
        "path": config.path if config.scheme == "unix" else None,
        **(_host_parts(config.host) if config.url is None else _parts(config.url)),
    }
    path = values["path"]
    if values["scheme"] == "unix" and path is None:
        raise ValueError("the scheme is unix, but there is no path; REDIS_HOST or REDIS_PATH has it")
    port = 0 if path is not None and values["port"] == -1 else _number("port", values["port"], 65535)
    if path is None and not port:
        raise ValueError("its port is 0, which is for a Unix socket; allowed: a number from 1 to 65535")
    return RedisAddress(
        host=str(values["host"]) if path is None else "",
        port=port,
        path=None if path is None else str(path),
        tls=values["scheme"] == "tls",
        username=None if values["username"] is None else str(values["username"]),
        password=None if values["password"] is None else str(values["password"]),
        db=_number("database", values["database"], 1_000_000),
    )


def host_and_port(text: str, default_port: int) -> tuple[str, int]:
    """Reads `host`, `host:port`, `[::1]`, `[::1]:port` or `::1`. Raises ValueError."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or (rest and colon != ":"):
            raise ValueError("a bracket is not closed, or something is behind it")
    elif text.count(":") > 1:
        host, colon, port = text, "", ""
    else:
        host, colon, port = text.partition(":")
    if not host or (colon and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536)):
        raise ValueError("no host, or no port from 1 to 65535")
    return host, int(port) if colon else default_port


def _host_parts(host: str) -> dict[str, str | int | None]:
    """What a host says besides its name, as PHP's clients take it: `tls://host`, `/path/of/a.socket`, `[::1]`."""
    scheme, separator, rest = host.partition("://")
    if host.startswith("/"):
        return {"scheme": "unix", "host": "", "path": host}
    if not separator:
        return {"host": host.strip("[]") if host.startswith("[") else host}
    known = _SCHEMES.get(scheme.lower())
    if known is None:
        raise ValueError(f"its scheme is {scheme!r}; allowed: {_ALLOWED_SCHEMES}")
    if known == "unix":
        return {"scheme": "unix", "host": "", "path": rest}
    if "@" in rest:
        raise ValueError(
            "a user and a password are not part of a host: REDIS_USERNAME, REDIS_PASSWORD, or REDIS_URL"
        )
    name, port = host_and_port(rest.rstrip("/"), 0)
    return {"scheme": known, "host": name, **({"port": port} if port else {})}


def _parts(url: str) -> dict[str, str | int | None]:
    """Returns the parts that the URL has. Raises ValueError."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("it is no URL") from error
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None:
        raise ValueError(f"its scheme is {parts.scheme!r}; allowed: {_ALLOWED_SCHEMES}")
    found: dict[str, str | int | None] = {"scheme": scheme}
    if scheme == "unix":
        if not parts.path:
            raise ValueError("it has no path")
        found |= {"host": "", "path": unquote(parts.path)}
    else:
        if not parts.hostname:
            raise ValueError("it has no host")
        found |= {"host": parts.hostname, "path": None}
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
