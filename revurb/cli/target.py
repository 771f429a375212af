"""Whom a client verb talks to: the address of a node, and the app in whose name."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from revurb.cli.options import exit_with_problems
from revurb.config import App, Config, ConfigError, load_app_provider

SECURE = {"http": False, "ws": False, "https": True, "wss": True}
# What listens everywhere is reached here. A node may not be reachable by its public name from its own host.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Address:
    """A node: `path` is the prefix of its routes, `tls` is None for plain TCP."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None

    def url(self, scheme: str, path: str = "") -> str:
        """`scheme` is http or ws; with TLS it gets its s."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}{'s' if self.tls else ''}://{host}:{self.port}{self.path}{path}"


def address_of(config: Config, url: str | None) -> Address:
    """The address in `url`, or that of the configured node on this host. Raises click.ClickException."""
    if url is not None:
        return _address_in(url)
    server = config.server
    if server.port == 0:
        raise click.ClickException(
            "server.port is 0, so the node's port is not known: name the node with --url"
        )
    tls = None if config.tls.cert is None else _pinned(config.tls.cert)
    return Address(LOOPBACK.get(server.host, server.host), server.port, server.path, tls)


def _address_in(url: str) -> Address:
    try:
        parts = urlsplit(url)
        port, secure = parts.port, SECURE[parts.scheme]
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError(url)
    except (KeyError, ValueError):
        raise click.ClickException(
            f"--url: found {url!r}; allowed: a URL such as https://ws.example.com"
        ) from None
    tls = ssl.create_default_context() if secure else None
    return Address(parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"), tls)


def _pinned(cert: str) -> ssl.SSLContext:
    """Trusts the node's own certificate file and nothing else.

    The certificate is made out to the public name, and here we call on loopback: names cannot match, and a
    self-signed one is as good as any. That it is the very certificate of the configuration is the proof.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cert)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"tls.cert: {cert} is not a certificate in PEM form") from error
    return context


def choose_app(config: Config, app_id: str | None) -> App:
    """The app with `app_id`, or the only one there is. Raises click.ClickException naming the known ids."""
    known = list(config.apps) if config.app_provider is None else _provided(config.app_provider, app_id)
    ids = ", ".join(app.id for app in known) or "none"
    if app_id is None:
        if len(known) == 1:
            return known[0]
        raise click.ClickException(f"--app: not given, and there are {len(known)} apps; known ids: {ids}")
    for app in known:
        if app.id == app_id:
            return app
    raise click.ClickException(f"--app: there is no app with the id {app_id!r}; known ids: {ids}")


def _provided(provider_path: str, app_id: str | None) -> list[App]:
    """The app with `app_id` if a custom provider has it, or all that it knows."""
    try:
        provider = load_app_provider(provider_path)
    except ConfigError as error:
        exit_with_problems(error)
    try:
        found = provider.find_by_id(app_id) if app_id is not None else None
        app = asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found
        return [app] if app is not None else list(provider.all())
    except Exception as error:  # the provider is somebody's code: it can fail in any way
        raise click.ClickException(
            f"the app provider {provider_path} failed: {type(error).__name__}: {error}"
        ) from error


async def _awaited(found: Awaitable[App | None]) -> App | None:
    return await found
