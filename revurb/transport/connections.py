"""What all connections of a node share: limits, time, the outboxes to flush, and which connections there are.

The factory that makes a connection is `functools.partial(ClientConnection, connections)`: this file is below those
that use it, and knows them by what it asks of them.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from revurb._speedups.fanout import Fanout
from revurb._speedups.plain_connection import ConnectionBook
from revurb.observe.counters import Counters
from revurb.transport.descriptor import plain_descriptor_of
from revurb.transport.handlers import (
    LargeBodies,
    PlainAnswerer,
    RequestHandler,
    TransportLimits,
    Upgrade,
    Welcome,
)
from revurb.transport.intake import Intake
from revurb.transport.timer_wheel import Timed, TimerWheel
from revurb.transport.transport_buffers import BufferedConnection, TransportBuffers
from revurb.wire.close import GOING_AWAY
from revurb.wire.response import Response, encode_response

if TYPE_CHECKING:
    from revurb.wire.http import Request
    from revurb.wire.websocket import WebSocket

# Of a loop turn for sending; then other connections have their turn: 10,000 subscribers are 40 ms of sends. An event to
# few, beside ten a second to 5,000, takes 1.5 ms at p99 with it, 2.5 with twice as much, and 0.9 alone. Where the rest
# of the turn takes longer than that, as long as the rest, so that output keeps up with input.
FLUSH_BUDGET_S = 0.001
MAX_FLUSH_BUDGET_S = 0.020
MAX_SPARE_WEBSOCKETS = 64  # one is used at a time, but for those that are in the middle of a message


class Upgradable(BufferedConnection, Protocol):
    """The protocol object of the connection."""

    def open(self, upgrade: Upgrade, rest: bytes) -> None:
        """Answer the handshake and speak WebSocket from then on; `rest` are bytes that came right behind it."""

    @property
    def peer(self) -> str:
        """The peer's address, for logs; behind a trusted proxy, that of the client whose request is answered."""

    @property
    def is_held_up(self) -> bool:
        """Whether input waits that the peer has sent."""

    def resume_input(self) -> None:
        """Give this connection its input again, after it was paused or blocked."""


class OpenHttp(Timed, Protocol):
    """A connection that speaks HTTP."""

    def close_if_idle(self) -> None:
        """Close, if no request is under way; and soon, if its peer does not take what it was answered."""

    def abort(self) -> None:
        """Drop the connection as it is."""


class OpenWebSocket(Timed, Protocol):
    """A connection that speaks WebSocket."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the close handshake."""

    def abort(self) -> None:
        """Drop the connection as it is."""


class Connections(ConnectionBook):
    """The shared state of a node's connections. Owned by the node, which calls `on_tick` and sets `date`."""

    if TYPE_CHECKING:  # what the kernel keeps
        wheel: TimerWheel
        limits: TransportLimits
        counters: Counters

    def __init__(
        self,
        handler: RequestHandler,
        limits: TransportLimits,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        admits_large_body: LargeBodies = lambda request: False,
    ) -> None:
        self.handler = handler
        self.admits_large_body = admits_large_body
        self.limits = limits
        self.counters = counters
        self._date = ""
        self.wheel = TimerWheel(loop.time())
        self.fanout = Fanout(functools.partial(loop.call_soon, self._flush), limits.max_queued_total_bytes)
        self.buffers = TransportBuffers(self.fanout)
        self.buffered, self.descriptor_of = self.buffers.connections, plain_descriptor_of
        self.intake = Intake(loop.call_soon, self.fanout)
        self._loop = loop
        self._flushed_at = 0.0  # when a flush last left something; 0 if it did not
        # Dicts without values: of 10,000 connections a set takes 105 bytes for each, a dict 30, and 60 after growing.
        self.http: dict[OpenHttp, None] = {}
        self.websockets: dict[OpenWebSocket, None] = {}
        self.spare_websockets: list[WebSocket] = []
        """State machines that are between two messages, for whichever connection receives something next."""
        self.welcome: Welcome | None = None
        """Called with the first bytes of a connection. None where each request has to be seen whole."""
        self.identify: Callable[[Upgradable, Request], None] | None = None
        """Called with each request before it is handled, to say in it whose it is; None where nobody needs to know."""
        self.answer_plain: PlainAnswerer | None = None
        """Asked first; None where each request has to be read as one."""
        self.usual_answer: Response | None = None
        """What `answer_plain` gives as a rule."""
        self.usual_answer_bytes = b""
        self.on_refused: Callable[[Upgradable, Request | None, int, bytes], None] = lambda *refused: None
        """Called with the connection, the request if there is one, status and body of an answer of 400 or more."""
        self.on_ended: Callable[[str, int, str], None] = lambda *ended: None
        """Called with the peer's address, code and reason, where a WebSocket is closed for what it sent or did not
        take."""
        self.draining = False
        self.is_stopped = False
        """Set when nobody looks after connections any more: one that was still being accepted is dropped."""
        self.drain_close = (GOING_AWAY, "")
        """Code and reason of the Close that every WebSocket gets while draining."""
        self.on_empty: Callable[[], None] = lambda: None
        """Called when draining and no connection is left."""

    @property
    def date(self) -> str:
        """For the Date field of HTTP answers, which is left out while this is empty."""
        return self._date

    @date.setter
    def date(self, date: str) -> None:
        if date != self._date:
            self._date = date
            self._encode_usual_answer()

    def answer_plainly(self, answer_plain: PlainAnswerer, usual_answer: Response) -> None:
        """Ask `answer_plain` first from now on; what it gives as a rule is encoded once for each date."""
        self.answer_plain, self.usual_answer = answer_plain, usual_answer
        self._encode_usual_answer()

    def _encode_usual_answer(self) -> None:
        if self.usual_answer is not None:
            self.usual_answer_bytes = encode_response(self.usual_answer, keep_alive=True, date=self._date)

    def _flush(self) -> None:
        more, budget_s = True, FLUSH_BUDGET_S
        if self._flushed_at:
            others_took_s = time.monotonic() - self._flushed_at
            budget_s = max(FLUSH_BUDGET_S, min(others_took_s, MAX_FLUSH_BUDGET_S))
        try:
            more = self.fanout.flush(budget_s)
        finally:  # also when the fault of one connection came out: the others still have output waiting
            self._flushed_at = time.monotonic() if more else 0.0
            if more:
                self._loop.call_soon(self._flush)
        self.intake.wake()

    def on_tick(self, now: float) -> None:
        """Advance the wheel to `now` (monotonic seconds), and look at what waits in transports. To be called each
        `TICK_S`."""
        self.wheel.turn(now)
        self.buffers.look(now)
        if not self.http:
            self.http.clear()  # and its table, which has grown with all that were accepted at a time
        self.intake.wake()

    def drain(self, code: int, reason: str) -> None:
        """Make each further response the last of its connection, and close a WebSocket whose handshake is still under
        way with `code` as soon as it is open. Those that are open stay until they are closed."""
        self.draining = True
        self.drain_close = (code, reason)
        self._report_if_empty()

    def close_websockets(self) -> None:
        """Close every WebSocket with what `drain` was given."""
        for websocket in tuple(self.websockets):
            websocket.close(*self.drain_close)

    def close_idle_http(self) -> None:
        """Close the HTTP connections that have no request under way."""
        for connection in tuple(self.http):
            connection.close_if_idle()

    def forget_http(self, connection: OpenHttp) -> None:
        """Remove a connection that is lost, or has been upgraded."""
        self.http.pop(connection, None)
        self.wheel.cancel(connection)
        if self.draining:
            self._report_if_empty()

    def forget_websocket(self, connection: OpenWebSocket) -> None:
        """Remove a WebSocket that is lost."""
        self.websockets.pop(connection, None)
        self.wheel.cancel(connection)
        if self.draining:
            self._report_if_empty()

    def spare(self, websocket: WebSocket) -> None:
        """Keep a state machine that is between two messages, if there are not enough of them."""
        if len(self.spare_websockets) < MAX_SPARE_WEBSOCKETS:
            self.spare_websockets.append(websocket)

    def shrink(self) -> None:
        """Release memory that was for more connections than there are: the table of a dict grows, and never shrinks."""
        self.http = dict(self.http)
        self.websockets = dict(self.websockets)
        self.spare_websockets.clear()

    def abort(self) -> None:
        """Drop every connection as it is."""
        for connection in tuple(self.http):
            connection.abort()
        for websocket in tuple(self.websockets):
            websocket.abort()

    def _report_if_empty(self) -> None:
        if self.draining and not self.http and not self.websockets:
            self.on_empty()
