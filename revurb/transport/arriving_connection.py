"""A connection until it is a WebSocket: its first bytes, and whom they go to.

Nearly all that clients send first is a plain handshake, which `Connections.welcome` answers. Anything else, and what
follows, goes to a `HttpConnection`, which is made then: with a reader and its limits it takes 500 bytes and 3 us.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from revurb._speedups.plain_connection import CLOSING, HTTP, LOST, OPEN
from revurb.transport.handlers import Upgrade
from revurb.transport.http_connection import HttpConnection
from revurb.transport.paced_connection import PacedConnection

if TYPE_CHECKING:
    from revurb.transport.timer_wheel import Tick

_log = logging.getLogger(__name__)

# OPEN is a WebSocket whose handler is being spoken to. CLOSING: our Close is out, or both are; nothing more is sent,
# and the handler has been closed.
NEXT: Mapping[int, tuple[int, ...]] = {
    HTTP: (OPEN, LOST),
    OPEN: (CLOSING, LOST),
    CLOSING: (LOST,),
    LOST: (),
}


class ArrivingConnection(PacedConnection):
    """Passes on what the event loop calls to its `HttpConnection`, once there is one. It is on the wheel itself until
    something was received."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel keeps
        _heard_at: float
        _http: HttpConnection | None
        _state: int
        wheel_tick: Tick | None

    def open(self, upgrade: Upgrade, rest: bytes) -> None:
        """Answer the handshake, and be a WebSocket. The subclass implements it."""
        raise NotImplementedError

    def abort(self) -> None:
        """Drop the connection as it is. The subclass implements it."""
        raise NotImplementedError

    @property
    def peer(self) -> str:
        """The peer's address. The subclass implements it."""
        raise NotImplementedError

    def eof_received(self) -> bool:
        return self._http is not None and self._http.eof_received()

    def _read_http(self, data: bytes) -> None:
        http = self._http
        if http is None:
            self._is_new = False
            http = self._speak_http()
        http.data_received(data)

    def _on_fault(self, error: Exception) -> None:
        """A fault of ours in what answers plain handshakes; who reads this one with care answers it."""
        _log.error("a plain handshake failed", exc_info=error)

    def _speak_http(self) -> HttpConnection:
        """What reads requests of this connection from now on."""
        connections = self._connections
        connections.http.pop(self, None)
        connections.wheel.cancel(self)
        http = self._http = HttpConnection(connections, self, self._transport, self._heard_at)
        return http

    def on_due(self, now: float) -> float | None:
        """Nothing was handled within the request timeout."""
        if self.is_held_up:  # it is we who are late
            return now + self._connections.limits.request_timeout_s
        self.abort()
        return None

    def close_if_idle(self) -> None:
        """Nothing was read: closing cuts nothing off."""
        self._speak_http().close_if_idle()
