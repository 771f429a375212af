"""The protocol object of one accepted connection, and all of its life as a WebSocket.

A connection begins as HTTP (`ArrivingConnection`) and is upgraded here. `NEXT` is what may become of it:

    HTTP ---- open() ----> OPEN ---- Close sent or received ----> CLOSING ---- TCP ended ----> LOST
      \\----------------------\\------------------ TCP ended -----------------------------------/

Liveness, on the timer wheel: silent for the handler's ping interval -> `on_idle`; after that for half the pong timeout,
or another interval if that is shorter -> `on_still_idle`; for all of it -> `on_unresponsive`, which closes. Any byte
received starts over. A peer that talks and is told nothing for the ping interval gets a ping frame: a proxy may count
only what it is sent (nginx does). In CLOSING the peer has the close timeout to end TCP; then it is dropped.

Sending: everything goes through its outbox (`_speedups.fanout`), so that what is sent in one loop turn is one system
call, in order. It also compresses, where that has been negotiated.

Receiving: a WebSocket state machine takes 260 bytes, and one that is between two messages is like any other. So a
connection has one only while it is in the middle of something; the others wait in `Connections.spare_websockets`. Where
compression has been negotiated each connection keeps its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from revurb._speedups.frames import BINARY, PING, server_frame
from revurb._speedups.plain_connection import CLOSING, HTTP, LOST, OPEN
from revurb.transport.arriving_connection import NEXT, ArrivingConnection
from revurb.transport.handlers import Upgrade, WebSocketHandler
from revurb.transport.kernel_queue import seconds_since_sent
from revurb.transport.paced_connection import MAX_REPLY_BYTES
from revurb.transport.peer_address import peer_of
from revurb.wire.deflate import Inflater
from revurb.wire.websocket import Phase, WebSocket

_PING_FRAME = server_frame(PING, b"")
_CLOSED = Phase.CLOSED  # looking it up there for each message costs 0.1 us
SLOW_CONSUMER = 4100  # Pusher: over capacity, come back after a while


class ClientConnection(ArrivingConnection):
    """What the event loop gets for each accepted connection; once upgraded, its handler's FrameSender.

    With a protocol object for each life, telling the transport of the second one took 3 us: uvloop stops reading for
    that, and starts again.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel keeps
        _handler: WebSocketHandler | None
        _pinged_at: float

    def open(self, upgrade: Upgrade, rest: bytes) -> None:
        """Answer the handshake; `rest` are frames that came right behind it."""
        connections = self._connections
        handler, compression = upgrade.handler, upgrade.compression
        if self._state == LOST:  # while the answer was being waited for
            handler.closed()
            return
        had_http = self._http is not None
        self.become_websocket(handler, None if compression is None else compression.pack, not had_http)
        if compression is not None:
            self._ws = self._new_websocket(compression.inflater)
        self.send(upgrade.head)
        handler.opened(self)
        if connections.draining:
            self._close_drained()
        if rest:
            self._handle_input(rest)
        if self._held is not None:
            connections.intake.add(self)
        elif had_http and not self._transport.is_reading():
            self._transport.resume_reading()  # it was paused if the answer had to be awaited

    def _close_drained(self) -> None:
        self.close(*self._connections.drain_close)

    def _enter(self, state: int) -> None:
        assert state in NEXT[self._state], (self._state, state)
        self._state = state

    # What the handler calls.

    @property
    def peer(self) -> str:
        return peer_of(self._transport)

    def ping(self) -> None:
        self.send(_PING_FRAME)

    def close(self, code: int, reason: str = "") -> None:
        if self._state != OPEN:
            return
        self._enter(CLOSING)
        self.send(self._websocket().close(code, reason))
        self.shut()
        self._await_end_of_tcp()

    # What the event loop calls.

    def pause_writing(self) -> None:
        self._note_transport()
        if self._http is not None:
            self._http.pause_writing()
        elif not self._awaits_drain:
            self._end_slow()

    def resume_writing(self) -> None:
        self._note_transport()
        if self._http is not None:
            self._connections.buffers.note_progress(self, self._connections.wheel.now)
            self._http.resume_writing()
        elif self._awaits_drain:
            self._drained()

    def _lose(self, exc: Exception | None) -> None:
        """The connection is lost, and there is more to it than a handler to be told."""
        assert LOST in NEXT[self._state], self._state
        self._state, self._held = LOST, None
        buffers = self._connections.buffers
        if buffers.connections:
            buffers.forget(self)
        if self._http is not None:
            self._http.connection_lost(exc)
            self._http = None  # which knows us
            return
        self.detach()
        if self._handler is None and self in self._connections.http:  # it has sent nothing
            self._connections.forget_http(self)
            return
        self._let_go()
        self._connections.forget_websocket(self)

    # What input that waits for its turn is given to.

    def _handle_input(self, data: bytes) -> None:
        if self._state == HTTP:
            self._read_http(data)
        else:
            self._receive(data)

    @property
    def _is_blocked(self) -> bool:
        return self._awaits_drain or (self._http is not None and self._http.is_blocked)

    # What the wheel and the node call.

    def on_due(self, now: float) -> float | None:
        handler = self._handler
        if handler is None:
            if self._state == HTTP:
                return super().on_due(now)
            self.abort()
            return None
        due = (self._heard_at if self._held is None else self._moved_at(now)) + handler.ping_interval_s
        if now < due:
            return (
                due
                if self._held is not None
                else min(due, self._end_our_silence(now, handler.ping_interval_s))
            )
        timeout_s, interval_s = self._connections.limits.pong_timeout_s, handler.ping_interval_s
        first_s = min(timeout_s / 2, interval_s)
        waits_s = 0.0, first_s, timeout_s - first_s  # behind no ping, the first, and the second one
        if now >= self._pinged_at + waits_s[self._pings]:
            if self._pings == 2:
                self._connections.counters.unresponsive_total += 1
                handler.on_unresponsive()  # closes, and so has put us back on the wheel
                return None
            self._pings += 1
            self._pinged_at = now
            (handler.on_idle if self._pings == 1 else handler.on_still_idle)()
        return min(self._pinged_at + waits_s[self._pings], now + interval_s)

    def _end_our_silence(self, now: float, interval_s: float) -> float:
        """Send a ping frame if nothing was sent for as long; gives when to look again."""
        silent_s = self.seconds_since_sent()
        if silent_s is None:
            silent_s = seconds_since_sent(self._transport.get_extra_info("socket"))
        if silent_s is None:
            silent_s = now - self._pinged_at  # what else was sent is not known
        if silent_s < interval_s:
            return now + interval_s - silent_s
        self.ping()
        self._pinged_at = now
        return now + interval_s

    def abort(self) -> None:
        self.detach()
        self._transport.abort()

    def end_stalled(self) -> None:
        if self._state == OPEN:
            self._end_slow()
        else:  # the Close that it has been sent is behind what it does not take
            self.abort()

    # Receiving.

    def _receive(self, data: bytes) -> None:
        connections = self._connections
        self._heard_at = connections.wheel.now
        self._pings = 0
        ws = self._ws
        if ws is None:
            ws = self._websocket()
        messages = ws.receive(data)
        if ws.pongs:
            self._send_pongs(ws.take_pongs())  # before anything a handler says, since it may close
        self._handle_messages(messages)

    def _handle_messages(self, messages: Sequence[tuple[int, bytes]]) -> None:
        connections, ws = self._connections, self._ws
        assert ws is not None
        rest = iter(messages)
        for opcode, payload in rest:
            if self._handler is None:
                break
            if opcode <= BINARY:
                connections.counters.messages_received_total += 1
                self._handler.on_message(opcode, payload, self._heard_at)
            else:
                self._handler.on_control_frame()
            if self.reply_bytes > MAX_REPLY_BYTES:
                unhandled = tuple(rest)
                if unhandled or ws.phase is not _CLOSED:  # else the Close is next, which takes nothing
                    self._await_drain(unhandled)
                    if not unhandled:
                        self._spare(ws)
                    return
        if ws.phase is _CLOSED:
            if ws.has_failed and self._state == OPEN:
                connections.on_ended(self.peer, ws.close_code or 0, ws.close_reason)
            self.send(ws.take_outgoing())  # the Close, behind the answers to what came before
            self._end_tcp()
        else:
            self._spare(ws)

    def _send_pongs(self, pongs: bytes) -> None:
        """Also behind our Close, which shuts the outbox: a Ping is answered until a Close has come (RFC 6455 5.5.2). A
        peer that does not take them gets no more."""
        if self._state == OPEN:
            self.send(pongs)
        elif self._state == CLOSING:
            self.flush()
            if self.transport_is_empty():
                self.write_to_transport([pongs])

    def _websocket(self) -> WebSocket:
        """The state machine of this connection, which from now on is in the middle of something."""
        ws, handler, spare_websockets = self._ws, self._handler, self._connections.spare_websockets
        if ws is None:
            assert handler is not None
            if spare_websockets:
                ws = spare_websockets.pop()
                ws.reader.max_message_bytes = handler.max_message_size_bytes
            else:
                ws = self._new_websocket(None)
            self._ws = ws
        return ws

    def _spare(self, ws: WebSocket) -> None:
        """Let others have the state machine of this connection, if that is in the middle of nothing."""
        if ws.is_reusable:
            self._ws = None
            self._connections.spare(ws)

    def _new_websocket(self, inflater: Inflater | None) -> WebSocket:
        assert self._handler is not None
        return WebSocket(
            max_message_bytes=self._handler.max_message_size_bytes,
            max_fragments=self._connections.limits.max_fragments,
            inflater=inflater,
        )

    # Ending.

    def _end_slow(self) -> None:
        """More than the limit waits to be sent: this peer does not keep up, and the others must not pay for it."""
        if self._state == OPEN:
            self._connections.counters.slow_consumers_total += 1
            self._connections.on_ended(self.peer, SLOW_CONSUMER, "more waits to be sent than may")
            self.close(SLOW_CONSUMER, "Too slow: too much is waiting to be sent")

    def _end_tcp(self) -> None:
        """Both sides have sent a Close: the server ends TCP first (RFC 6455 7.1.1).

        Half of it, where TLS does not forbid: closing with bytes unread would reset the connection and could take the
        Close frame with it. What still arrives is dropped; the wheel ends it for a peer that does not.
        """
        if self._state == OPEN:
            self._enter(CLOSING)
            self.shut()
            self._await_end_of_tcp()
        self.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _await_end_of_tcp(self) -> None:
        connections = self._connections
        connections.wheel.schedule(self, connections.wheel.now + connections.limits.close_timeout_s)
        self._let_go()

    def _let_go(self) -> None:
        """Tell the handler as soon as nothing can be sent any more, not when TCP has gone."""
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.closed()
