"""The addresses on which a node accepts clients: bound by itself, or by whoever has started it."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

from revurb.config import ServerConfig
from revurb.transport.listener import Listener, ListenError, bind_tcp, bind_unix


class ListeningSockets:
    """Those of one node. `accept_on` accepts clients on a bound socket."""

    def __init__(
        self, server: ServerConfig, accept_on: Callable[[socket.socket], Awaitable[Listener]]
    ) -> None:
        self._server = server
        self._accept_on = accept_on
        self.listeners: list[Listener] = []
        self.port = server.port
        """The TCP port, once that is known."""

    def __bool__(self) -> bool:
        """Whether clients are accepted."""
        return bool(self.listeners)

    async def open(self, sockets: tuple[socket.socket, ...]) -> None:
        """Accept clients on these, or without any on the addresses of the configuration. Raises ListenError if one
        cannot be bound."""
        server = self._server
        if not sockets:
            sockets = bind_tcp(server.hosts, server.port)
            if server.unix_socket is not None:
                sockets = (*sockets, self._bind_unix(server.unix_socket, sockets))
        for sock in sockets:
            self.listeners.append(await self._accept_on(sock))
            if sock.family != socket.AF_UNIX:
                self.port = sock.getsockname()[1]

    def _bind_unix(self, path: str, others: tuple[socket.socket, ...]) -> socket.socket:
        try:
            return bind_unix(path, self._server.unix_socket_mode)
        except ListenError:
            for sock in others:
                sock.close()
            raise

    def close(self) -> None:
        """Accept nobody any more. Clients that are connected stay."""
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
