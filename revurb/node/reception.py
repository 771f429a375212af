"""How clients come in: what they are listened for with, and whose address they have."""

from __future__ import annotations

import asyncio
import functools
import socket
from ssl import SSLContext

from revurb.config import Config
from revurb.node.access_log import AccessLog
from revurb.node.address_guard import AddressGuard, AddressLimits
from revurb.node.cors_gateway import CorsGateway
from revurb.node.guarded_gateway import GuardedGateway
from revurb.node.refusal_lines import RefusalLines
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections, Upgradable
from revurb.transport.listener import Listener, listen_on
from revurb.transport.proxied_connection import ProxiedConnection
from revurb.transport.proxy_listener import ProxyListener
from revurb.transport.trusted_proxies import TrustedProxies
from revurb.wire.http import Request

HEADER_GRACE_S = 1.0


class Reception:
    """Makes the connections of a node. Without trusted proxies and limits of addresses nothing is on their way."""

    def __init__(self, config: Config, connections: Connections, refusals: RefusalLines) -> None:
        self._speaks_proxy_protocol = config.server.proxy_protocol
        self._timeout_s = config.limits.request_timeout_s
        self._connections = connections
        self._refusals = refusals
        self._proxy_listeners: list[ProxyListener] = []
        self._proxies = TrustedProxies(config.server.trusted_proxies or ())
        limits = config.limits
        of_address = AddressLimits(
            limits.max_handshakes_per_address,
            limits.max_connections_per_address,
            limits.ban_after,
            limits.ban_s,
        )
        self.sees_every_request = (
            of_address.are_set or bool(config.server.cors_origins) or config.log.access != "off"
        )
        """Whether something has to see each request, or to add to its answer."""
        if of_address.are_set:
            guard = AddressGuard(of_address, self._proxies)
            connections.handler = GuardedGateway(connections.handler, guard, refusals)
            connections.identify = _name_peer
        if config.server.cors_origins:
            connections.handler = CorsGateway(
                connections.handler, config.server.cors_origins, config.server.path
            )
        log = config.log
        if log.access != "off":
            connections.handler = AccessLog(
                connections.handler, all_requests=log.access == "all", sample=log.access_sample
            )
            connections.identify = _name_peer
        if self._proxies:
            connections.identify = self._identify

    async def accept_on(self, sock: socket.socket, tls: SSLContext | None) -> Listener:
        """Accept clients on a bound socket, until the listener is closed."""
        connections = self._connections
        if self._speaks_proxy_protocol:
            make = functools.partial(ProxiedConnection, connections)
            listener = ProxyListener(make, sock, tls, self._timeout_s, self._proxies, self._refuse_proxy)
            self._proxy_listeners.append(listener)
            return listener
        kind = ProxiedConnection if self._proxies else ClientConnection
        return await listen_on(functools.partial(kind, connections), sock, tls, self._timeout_s)

    async def settle(self, timeout_s: float) -> float:
        """Wait for the headers of those who were accepted, ahead of a drain, which knows nothing of them: they come
        with the first packet of a proxy. Returns the seconds that it took, at most `timeout_s`."""
        clock = asyncio.get_running_loop().time
        began, ends = clock(), clock() + min(timeout_s, HEADER_GRACE_S)
        for listener in self._proxy_listeners:
            await listener.settle(max(0.0, ends - clock()))
        return min(timeout_s, clock() - began)

    def stop(self) -> None:
        """Nobody is let in any more: the node has drained."""
        for listener in self._proxy_listeners:
            listener.abandon()

    def _identify(self, connection: Upgradable, request: Request) -> None:
        assert isinstance(connection, ProxiedConnection)
        connection.identify(request, self._proxies)

    def _refuse_proxy(self, proxy: str, reason: str) -> None:
        self._connections.counters.proxy_headers_refused_total += 1
        self._refusals.of_proxy_header(proxy, reason)


def _name_peer(connection: Upgradable, request: Request) -> None:
    request.client = connection.peer
