"""Declares the options of the addresses of a server, of its start and stop, and of TLS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Annotated, Literal

from revurb.config.normalization import listen_hosts, route_prefix, trusted_proxy, web_origin
from revurb.config.option import Option

# The public name of a server may not lead to it from its own host.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The addresses that the server listens on, and its public name."""

    host: Annotated[
        str,
        Option(
            env="REVERB_SERVER_HOST",
            flag="--host",
            parse=listen_hosts,
            allowed="host names or addresses, by commas",
            doc="Addresses of the interfaces to listen on, by commas; `::` is all of both families.",
        ),
    ] = "0.0.0.0"
    port: Annotated[
        int,
        Option(
            env="REVERB_SERVER_PORT",
            flag="--port",
            minimum=0,
            maximum=65535,
            doc="TCP port to listen on; 0 picks a free one.",
        ),
    ] = 8080
    path: Annotated[
        str,
        Option(
            env="REVERB_SERVER_PATH",
            flag="--path",
            pattern=None,
            parse=route_prefix,
            allowed="a URL path of letters, digits and . _ ~ - /, such as /ws",
            doc="Prefix of all routes, for a server that shares a host name with other things.",
        ),
    ] = ""
    hostname: Annotated[
        str | None,
        Option(
            env="REVERB_HOST",
            flag="--hostname",
            doc="Public host name that clients use; printed in the lines to copy. Laravel Herd's or Valet's "
            "certificate for it is used where `tls.cert` is not set.",
        ),
    ] = None
    public_port: Annotated[
        int,
        Option(
            env="REVERB_PORT",
            minimum=1,
            maximum=65535,
            doc="Port that the Laravel application gives its clients; checked, and of no effect here.",
        ),
    ] = 443
    public_scheme: Annotated[
        Literal["http", "https"],
        Option(
            env="REVERB_SCHEME",
            doc="Scheme that the application gives its clients; checked, and of no effect here.",
        ),
    ] = "https"
    unix_socket: Annotated[
        str | None,
        Option(
            env="REVURB_UNIX_SOCKET",
            is_path=True,
            flag="--unix-socket",
            doc="Path of a Unix socket to listen on as well; it has no TLS.",
        ),
    ] = None
    unix_socket_mode: Annotated[
        int,
        Option(
            env="REVURB_UNIX_SOCKET_MODE",
            octal=True,
            minimum=0,
            maximum=0o777,
            doc="Permissions of the Unix socket.",
        ),
    ] = 0o660
    trusted_proxies: Annotated[
        tuple[str, ...] | None,
        Option(
            env="REVURB_TRUSTED_PROXIES",
            parse=trusted_proxy,
            allowed="addresses and networks such as 10.0.0.0/8, `unix` for the Unix socket, or `*`",
            doc="Proxies that are believed in what they say of a client's address, in `X-Forwarded-For` or "
            "`Forwarded`: from the right, the first address in it that is no such proxy. `*` is whoever connects, and "
            "no address in it. See [operations](operations.md#behind-a-proxy).",
        ),
    ] = None
    proxy_protocol: Annotated[
        bool,
        Option(
            env="REVURB_PROXY_PROTOCOL",
            doc="Whether the trusted proxies send a header of the PROXY protocol, version 1 or 2, ahead of everything "
            "else. A connection of theirs without one is closed; those of others have none.",
        ),
    ] = False
    cors_origins: Annotated[
        tuple[str, ...] | None,
        Option(
            env="REVURB_API_CORS_ORIGINS",
            parse=web_origin,
            allowed="origins of web pages such as https://example.com, or `*`",
            doc="Origins whose pages may call the HTTP API from browsers (CORS), where each request still needs its "
            "signature; without a value none.",
        ),
    ] = None
    test_page: Annotated[
        bool,
        Option(
            env="REVURB_TEST_PAGE",
            doc="Answer browsers at `/` with a page that has a test client; on with `--dev`, and not for production.",
        ),
    ] = False
    browser_module: Annotated[
        bool,
        Option(
            env="REVURB_BROWSER_MODULE",
            doc="Serve the module that lets pusher-js and Echo resume, as `/revurb.js` (UMD) and `/revurb.mjs`. See "
            "[browsers](browser.md).",
        ),
    ] = False
    drain_timeout_s: Annotated[
        float,
        Option(
            env="REVURB_DRAIN_TIMEOUT",
            flag="--drain-timeout",
            minimum=0,
            doc="Seconds over which connections are closed when the server stops.",
        ),
    ] = 8.0  # Supervisor and Docker kill what has not ended after 10
    drain_delay_s: Annotated[
        float,
        Option(
            env="REVURB_DRAIN_DELAY",
            flag="--drain-delay",
            minimum=0,
            doc="Seconds before that in which `/ready` is 503 and clients are still accepted, for load balancers that "
            "take a while to notice.",
        ),
    ] = 0.0
    ready_needs_bus: Annotated[
        bool,
        Option(
            env="REVURB_READY_NEEDS_BUS",
            doc="Whether `/ready` is 503 whenever a process is cut off from the others; without, only until it was "
            "connected to them once.",
        ),
    ] = False

    @property
    def reachable_host(self) -> str:
        """The first of the hosts as programs on this host reach it: all addresses are reached on loopback."""
        return LOOPBACK.get(self.hosts[0], self.hosts[0])

    @property
    def own_header(self) -> bytes:
        """What programs on this host send ahead of everything: a PROXY header that says nothing, where the server takes
        them for a proxy that speaks the protocol."""
        if not self.proxy_protocol or self.trusted_proxies is None:
            return b""
        try:
            own = ipaddress.ip_address(self.reachable_host)
        except ValueError:
            own = ipaddress.IPv4Address("127.0.0.1")  # localhost, say
        networks = (entry for entry in self.trusted_proxies if entry not in ("*", "unix"))
        is_trusted = "*" in self.trusted_proxies or any(
            own in ipaddress.ip_network(entry) for entry in networks
        )
        return b"PROXY UNKNOWN\r\n" if is_trusted else b""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Each of the hosts to listen on."""
        return tuple(self.host.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """The certificate, if the server terminates TLS itself; both files or none."""

    cert: Annotated[
        str | None,
        Option(
            env="REVURB_TLS_CERT",
            is_path=True,
            flag="--tls-cert",
            doc="PEM file of the certificate and its chain.",
        ),
    ] = None
    key: Annotated[
        str | None,
        Option(
            env="REVURB_TLS_KEY",
            is_path=True,
            flag="--tls-key",
            doc="PEM file of the certificate's private key.",
        ),
    ] = None
    key_password: Annotated[
        str | None,
        Option(env="REVURB_TLS_KEY_PASSWORD", secret=True, doc="Password of the private key."),
    ] = field(default=None, repr=False)
