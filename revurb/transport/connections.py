"""What all connections of a node share, and the factory that makes them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from revurb._speedups.fanout import Fanout
from revurb.observe.counters import Counters
from revurb.transport.client_connection import SocketConnection
from revurb.transport.ports import Endpoint, TransportLimits
from revurb.transport.timer_wheel import Wheel
from revurb.wire.close import GOING_AWAY

if TYPE_CHECKING:
    from revurb.transport.http_connection import HttpConnection
    from revurb.wire.websocket import WebSocket

FLUSH_BUDGET_S = 0.002  # then other connections have their turn: 10,000 subscribers are 40 ms of sends


class Acceptor:
    """Shared state of a node's connections: limits, time, and who is connected."""

    def __init__(
        self,
        endpoint: Endpoint,
        limits: TransportLimits,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.counters = counters
        self.date = ""  # for the Date field, left out if empty; whoever has a clock sets it
        self.wheel = Wheel(loop.time())
        self.fanout = Fanout(functools.partial(loop.call_soon, self._flush))
        self._loop = loop
        # Dicts without values: of 10,000 connections a set takes 105 bytes for each, a dict 30, and 60 after growing.
        self.requesting: dict[HttpConnection, None] = {}
        self.sockets: dict[SocketConnection, None] = {}
        self.resting: list[WebSocket] = []
        """State machines that lie between two messages, for whichever connection hears something next."""
        self.draining = False
        self.goodbye = (GOING_AWAY, "")
        self.on_empty: Callable[[], None] = lambda: None  # called when draining has let the last one go

    def connection(self) -> SocketConnection:
        """The protocol of a new connection; every one begins as HTTP."""
        return SocketConnection(self)

    def _flush(self) -> None:
        more = True
        try:
            more = self.fanout.flush(FLUSH_BUDGET_S)
        finally:  # also when one connection's trouble came out: the others still wait
            if more:
                self._loop.call_soon(self._flush)

    def drain(self, code: int, reason: str) -> None:
        """From now on each response is its connection's last, and a WebSocket whose handshake is still under way is
        closed with `code` as soon as it is open. Those that are open stay until they are closed."""
        self.draining = True
        self.goodbye = (code, reason)
        self._tell_if_empty()

    def close_sockets(self) -> None:
        """Close every WebSocket with what `drain` was given."""
        for socket in tuple(self.sockets):
            socket.close(*self.goodbye)

    def close_idle(self) -> None:
        """Close the HTTP connections that ask nothing."""
        for connection in tuple(self.requesting):
            connection.close_if_idle()

    def forget_request(self, connection: HttpConnection) -> None:
        """A connection is gone, or speaks HTTP no more."""
        self.requesting.pop(connection, None)
        self.wheel.cancel(connection)
        if self.draining:
            self._tell_if_empty()

    def forget(self, connection: SocketConnection) -> None:
        """A WebSocket is gone."""
        self.sockets.pop(connection, None)
        self.wheel.cancel(connection)
        if self.draining:
            self._tell_if_empty()

    def shrink(self) -> None:
        """Let go of what was for more connections than there are: the table of a dict grows, but does not shrink."""
        self.requesting = dict(self.requesting)
        self.sockets = dict(self.sockets)
        self.resting.clear()

    def abort(self) -> None:
        """Drop every connection as it is."""
        for connection in tuple(self.requesting):
            connection.abort()
        for socket in tuple(self.sockets):
            socket.abort()

    def _tell_if_empty(self) -> None:
        if self.draining and not self.requesting and not self.sockets:
            self.on_empty()
