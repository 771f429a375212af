"""Connections as the client makes them: named where Redis allows it, and for a certificate of another name.

redis-py gives a connection up whose CLIENT SETNAME is refused, as managed servers and ACLs do. The name is for people
who look at CLIENT LIST; a node works as well without.
"""

from __future__ import annotations

import contextlib
from typing import Any

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ResponseError

CLIENT_NAME = "revurb"


class NamedConnection(AbstractConnection):
    """What all of them share. `server_name` is the name that the server's certificate must have; None for that of the
    host."""

    server_name: str | None = None

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("CLIENT", "SETNAME", CLIENT_NAME, check_health=False)
        with contextlib.suppress(ResponseError):
            await self.read_response()

    def _connection_arguments(self) -> Any:
        arguments = super()._connection_arguments()  # type: ignore[misc]  # of those below, all but Unix sockets
        return arguments if self.server_name is None else {**arguments, "server_hostname": self.server_name}


class TcpConnection(NamedConnection, Connection):
    """A connection without TLS."""


class TlsConnection(NamedConnection, SSLConnection):
    """A connection with TLS."""


class UnixConnection(NamedConnection, UnixDomainSocketConnection):
    """A connection over a Unix socket."""


class MasterConnection(NamedConnection, SentinelManagedConnection):
    """A connection to the server that Sentinels name."""


class MasterTlsConnection(NamedConnection, SentinelManagedSSLConnection):
    """The same with TLS."""


def for_server_name(base: type[NamedConnection], server_name: str | None) -> type[NamedConnection]:
    """`base`, for servers whose certificates have that name."""
    return base if server_name is None else type(base.__name__, (base,), {"server_name": server_name})
