"""The address of the node and the app for the verbs that are clients: trigger and listen."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from revurb.cli.endings import UnusableCommandLine
from revurb.cli.problems import exit_with_problems
from revurb.config import App, Config, ConfigError
from revurb.config.normalization import shown_addresses

_PASSWORD = re.compile(r"//[^/]*@")
SECURE = {"http": False, "ws": False, "https": True, "wss": True}


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """The address of a node: `path` is the prefix of its routes, `tls` is None for plain TCP. `header` goes ahead of
    everything on a connection (PROXY protocol)."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    header: bytes = b""

    def open(self, timeout_s: float) -> socket.socket:
        """A connection on which the header has been sent. Raises OSError."""
        sock = socket.create_connection((self.host, self.port), timeout_s)
        sock.sendall(self.header)
        return sock

    def url(self, scheme: str, path: str = "") -> str:
        """The URL of `path` on the node. `scheme` is "http" or "ws"; with TLS it becomes "https" or "wss"."""
        address = shown_addresses(self.host, self.port)
        return f"{scheme}{'s' if self.tls else ''}://{address}{self.path}{path}"


def address_of(config: Config, url: str | None) -> NodeAddress:
    """The address in `url`; without one, that of the configured node on this host. Raises click.ClickException."""
    if url is not None:
        return parse_url(url)
    server = config.server
    if server.port == 0:
        raise UnusableCommandLine(
            "server.port is 0, so the node's port is not known: name the node with --url"
        )
    tls = None if config.tls.cert is None else _trust_only(config.tls.cert)
    return NodeAddress(server.reachable_host, server.port, server.path, tls, server.own_header)


def parse_url(url: str) -> NodeAddress:
    """The address in a URL that was given as `--url`. Raises UnusableCommandLine."""
    try:
        parts = urlsplit(url)
        port, secure = parts.port, SECURE[parts.scheme]
        url.encode()  # an argument may have bytes that are not UTF-8
        if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(url)
    except (KeyError, ValueError):
        shown = _PASSWORD.sub("//...@", url)  # nor is a user taken, with a password or without
        raise UnusableCommandLine(
            f"--url: found {shown!r}; allowed: a URL such as https://ws.example.com"
        ) from None
    tls = ssl.create_default_context() if secure else None
    return NodeAddress(parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"), tls)


def _trust_only(cert: str) -> ssl.SSLContext:
    """A TLS context that trusts the certificate file of the node and no other.

    Host names are not checked: the certificate is for the public name, and the connection goes to loopback. Since only
    the configured certificate is accepted, it may be self-signed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cert)
    except (OSError, ValueError) as error:
        raise UnusableCommandLine(f"tls.cert: {cert} is not a certificate in PEM form") from error
    return context


def choose_app(config: Config, app_id: str | None) -> App:
    """The app with `app_id`; without an id, the only app. Raises click.ClickException, which lists the known ids."""
    known = list(config.apps) if not config.looks_up_apps else _query_provider(config, app_id)
    ids = ", ".join(app.id for app in known) or "none"
    if app_id is None:
        if len(known) == 1:
            return known[0]
        raise UnusableCommandLine(f"--app: not given, and there are {len(known)} apps; known ids: {ids}")
    for app in known:
        if app.id == app_id:
            return app
    raise UnusableCommandLine(f"--app: there is no app with the id {app_id!r}; known ids: {ids}")


def _query_provider(config: Config, app_id: str | None) -> list[App]:
    """The app with `app_id` if the app provider or the database has it, else all apps that it lists."""
    from revurb.node.app_source import app_source  # takes a tenth of a second

    try:
        provider = app_source(config)
    except ConfigError as error:
        exit_with_problems(error)
    assert provider is not None  # as the configuration looks apps up
    name = "database of apps" if config.app_provider is None else f"app provider {config.app_provider}"
    try:
        result = provider.find_by_id(app_id) if app_id is not None else None
        app = asyncio.run(_await(result)) if inspect.isawaitable(result) else result
        return [app] if app is not None else list(provider.all())
    except Exception as error:  # the provider is the user's code, and may raise anything
        raise click.ClickException(f"the {name} failed: {type(error).__name__}: {error}") from error


async def _await(result: Awaitable[App | None]) -> App | None:
    return await result
