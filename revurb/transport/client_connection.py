"""A connection since it speaks WebSocket: frames in, frames out, and whether the peer is still there.

Life on the wheel: silent for the handler's ping interval -> `on_quiet`; silent for the pong timeout after that ->
`on_unresponsive`, which closes. Any byte that comes in starts over. Once our Close is out, the peer has the
close timeout to answer and end TCP; then the connection is dropped.

Sending: everything goes through the outbox that the connection is (`_speedups.fanout`), so that what is said in one
loop turn is one system call, and the order is that of saying it. It also packs, where compression has been negotiated.

Receiving: a WebSocket state machine takes 260 bytes, and one that is between two messages is like any other. So
a connection has one only while it is in the middle of something; those at rest wait with the acceptor for the next who
needs one. Where compression has been negotiated each connection keeps its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from revurb._speedups.fanout import Outbox
from revurb._speedups.frames import BINARY, PING, server_frame
from revurb.transport.http_connection import HttpConnection
from revurb.transport.ports import SocketHandler, Upgrade
from revurb.transport.timer_wheel import Tick
from revurb.wire.websocket import Phase, WebSocket

if TYPE_CHECKING:
    from revurb.transport.connections import Acceptor

_PING_FRAME = server_frame(PING, b"")
_CLOSED = Phase.CLOSED  # looking it up there for each message costs 0.1 us
SLOW_CONSUMER = 4100  # Pusher: over capacity, come back after a while
# Compressed input is taken in such pieces: DEFLATE makes up to 1,032 bytes of one, and what many small messages in one
# piece become is in memory at once. So that is 4 MiB and a message, not 256 MiB.
INFLATING_BYTES = 4096


class SocketConnection(Outbox, asyncio.Protocol):
    """The protocol object that the loop gets for each accepted connection; once upgraded, its handler's Outlet.

    Until then it passes everything on to `HttpConnection`. With a protocol object for each life, telling the transport
    of the second one took 3 us: uvloop stops reading for that, and starts again.
    """

    __slots__ = (
        "_acceptor",
        "_closing",
        "_compression",
        "_handler",
        "_heard_at",
        "_http",
        "_pinged",
        "_transport",
        "_ws",
        "waits_in",
    )

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._http: HttpConnection | None = HttpConnection(self._acceptor, self, self._transport)

    def open(self, upgrade: Upgrade, rest: bytes) -> None:
        """Answer the handshake; `rest` are frames that came right behind it."""
        acceptor = self._acceptor
        head, handler, compression = upgrade
        self._http = None
        self._handler: SocketHandler | None = handler
        self._compression = compression
        self._ws: WebSocket | None = None
        self._heard_at = acceptor.wheel.now
        self._pinged = False
        self._closing = False
        self.waits_in: Tick | None = None
        acceptor.sockets[self] = None
        acceptor.counters.connections_total += 1
        acceptor.wheel.schedule(self, self._heard_at + handler.ping_interval_s)
        transport = self._transport
        has_tls = transport.get_extra_info("sslcontext") is not None
        pack = None if compression is None else compression.pack
        self.attach(acceptor.fanout, -1 if has_tls else transport.get_extra_info("socket").fileno(), pack)
        self.send(head)
        handler.opened(self)
        if acceptor.draining:
            self.close(*acceptor.goodbye)
        if rest:
            self.data_received(rest)

    # What the handler calls.

    def ping(self) -> None:
        self.send(_PING_FRAME)

    def close(self, code: int, reason: str = "") -> None:
        if self._closing:
            return
        self._closing = True
        self.send(self._websocket().close(code, reason))
        self.shut()
        self._wait_for_the_end()

    # What the outbox calls.

    def transport_is_empty(self) -> bool:
        return self._transport.get_write_buffer_size() == 0

    def write_to_transport(self, frames: list[bytes | memoryview], /) -> None:
        # Said here and not when the connection opens: without TLS few ever have something waiting.
        self._transport.set_write_buffer_limits(high=self._acceptor.limits.max_queued_bytes)
        self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    # What the loop calls.

    def data_received(self, data: bytes) -> None:
        if self._http is not None:
            self._http.data_received(data)
        elif self._compression is None:
            self._receive(data)
        else:
            for start in range(0, len(data), INFLATING_BYTES):
                self._receive(data[start : start + INFLATING_BYTES])

    def eof_received(self) -> bool:
        return self._http is not None and self._http.eof_received()

    def pause_writing(self) -> None:
        """More than the limit waits to be sent: this peer does not keep up, and the others must not pay for it."""
        if self._http is not None:
            self._http.pause_writing()
        elif not self._closing:
            self._acceptor.counters.slow_consumers_total += 1
            self.close(SLOW_CONSUMER, "Too slow: too much is waiting to be sent")

    def resume_writing(self) -> None:
        if self._http is not None:
            self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._http is not None:
            self._http.connection_lost(exc)
            self._http = None  # which knows us
            return
        self._closing = True
        self.detach()
        self._let_go()
        self._acceptor.forget(self)

    # What the wheel and the acceptor call.

    def on_due(self, now: float) -> float | None:
        handler = self._handler
        if self._closing or handler is None:
            self.abort()
            return None
        due = self._heard_at + handler.ping_interval_s
        if now < due:
            return due
        if not self._pinged:
            self._pinged = True
            handler.on_quiet()
            return now + self._acceptor.limits.pong_timeout_s
        self._acceptor.counters.unresponsive_total += 1
        handler.on_unresponsive()  # closes, and so has put us back on the wheel
        return None

    def abort(self) -> None:
        self.detach()
        self._transport.abort()

    # Receiving.

    def _receive(self, data: bytes) -> None:
        acceptor = self._acceptor
        now = self._heard_at = acceptor.wheel.now
        self._pinged = False
        ws = self._ws
        if ws is None:
            ws = self._websocket()
        messages = ws.receive(data)
        if ws.phase is not _CLOSED and ws.outgoing:
            self._reply(ws)  # pongs; before anything a handler says, since it may close
        for opcode, payload in messages:
            if self._handler is None or self._closing:
                break
            if opcode <= BINARY:
                acceptor.counters.messages_received_total += 1
                self._handler.on_message(opcode, payload, now)
            else:
                self._handler.on_control()
        if ws.phase is _CLOSED:
            self._reply(ws)  # the Close, behind the answers to what came before
            self._end()
        elif ws.at_rest:
            self._ws = None
            acceptor.resting.append(ws)

    def _reply(self, ws: WebSocket) -> None:
        outgoing = ws.take_outgoing()
        if outgoing:
            self.send(outgoing)

    def _websocket(self) -> WebSocket:
        """The state machine of this connection, which from now on is in the middle of something."""
        ws, handler, resting = self._ws, self._handler, self._acceptor.resting
        if ws is None:
            assert handler is not None
            max_message_bytes = handler.max_message_size_bytes
            if self._compression is None and resting:
                ws = resting.pop()
                ws.reader.max_message_bytes = max_message_bytes
            else:
                ws = WebSocket(
                    max_message_bytes=max_message_bytes,
                    max_fragments=self._acceptor.limits.max_fragments,
                    inflater=None if self._compression is None else self._compression.inflater,
                )
            self._ws = ws
        return ws

    # Ending.

    def _end(self) -> None:
        """Both sides are done: the server ends TCP first (RFC 6455 7.1.1).

        Half of it, where TLS does not forbid: closing with bytes unread would reset the connection and could take the
        Close frame with it. What still comes is dropped; the wheel ends it for a peer that does not.
        """
        if not self._closing:
            self._closing = True
            self.shut()
            self._wait_for_the_end()
        self.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _wait_for_the_end(self) -> None:
        self._acceptor.wheel.schedule(self, self._acceptor.wheel.now + self._acceptor.limits.close_timeout_s)
        self._let_go()

    def _let_go(self) -> None:
        """The handler leaves as soon as nothing can be said any more, not when TCP has gone."""
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.closed()
