"""A connection whose client is behind a proxy, or may be. Only made where `server.trusted_proxies` has any."""

from __future__ import annotations

from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.peer_address import peer_of
from revurb.transport.trusted_proxies import TrustedProxies
from revurb.wire.http import Request


class ProxiedConnection(ClientConnection):
    """Its `peer` is the client that sent the newest request, which is the one that is being answered; of a WebSocket,
    the handshake's."""

    __slots__ = ("_client", "_source")

    def __init__(self, connections: Connections, source: str = "") -> None:
        """`source` is the address that a PROXY header gave."""
        super().__init__()
        self._source = self._client = source

    @property
    def peer(self) -> str:
        return self._client or peer_of(self._transport)

    def identify(self, request: Request, proxies: TrustedProxies) -> None:
        """Find out whose request it is, and say so in it."""
        source = self._source
        if source and not proxies.lists(
            source
        ):  # "*" trusts who connects, and that was the proxy that named it
            self._client = request.client = source
            return
        self._client = request.client = proxies.client_of(source or peer_of(self._transport), request.headers)
