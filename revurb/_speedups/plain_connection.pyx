"""A connection that nothing unusual befalls: it is made, sends a handshake and whole text frames, one in each read, and
is lost.

Plan: that is nearly every connection. All of it is done here, with no Python between the event loop and who answers;
anything else is left to `transport/client_connection.py`, which alone knows what is wrong with it.

The event loop keeps what `data_received` gives: a bound method would be 80 bytes more for each connection, so it is the
connection itself, which can be called.

Rule: what is taken here, the careful way would have handed on as well, with the same effects.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memset

from revurb._speedups.fanout cimport ASK, DIRECT, INDIRECT, Fanout
from revurb._speedups.frames cimport OP_TEXT, unmask, utf8_follow, utf8_state
from revurb._speedups.wheel cimport take_out

HTTP, OPEN, CLOSING, LOST = range(4)


cdef class ConnectionBook:
    pass


cdef class PlainConnection(Outbox):
    def __cinit__(self, ConnectionBook connections not None, *args, **kwargs):
        self._connections = connections
        self._fanout = connections.fanout
        self._is_new = True

    @property
    def data_received(self):
        return self

    def __call__(self, bytes data not None, /):
        cdef Fanout fanout = self._fanout
        cdef bytes text
        if (PyBytes_GET_SIZE(data) > DIRECT_BYTES or self._held is not None or fanout.has_long_outbox
                or fanout.queued_bytes + fanout.transport_bytes > fanout._limit_bytes):
            self._postpone(data)
        elif self._http is not None:
            self._http.data_received(data)
        elif self._is_new:
            self._is_new = False
            if not self._is_welcome(data):
                self._read_http(data)
        elif self._handler is not None and self._ws is None:
            text = _whole_text(data)
            if text is None or PyBytes_GET_SIZE(text) > <Py_ssize_t>self._handler.max_message_size_bytes:
                self._receive(data)
                return
            connections = self._connections
            self._heard_at = connections.wheel.now
            self._pings = 0
            connections.counters.messages_received_total += 1
            self._handler.on_message(OP_TEXT, text, self._heard_at)
            if self.reply_bytes > MAX_REPLY_BYTES:
                self._await_drain(())
        else:
            self._handle_input(data)

    def connection_made(self, transport not None, /):
        cdef ConnectionBook connections = self._connections
        self._transport = transport
        self._state = SPEAKS_HTTP
        self._heard_at = connections.wheel.now
        connections.http[self] = None
        self._wait_until(<double>connections.wheel.now + <double>connections.limits.request_timeout_s)
        if connections.is_stopped:
            self.abort()

    cdef bint _is_welcome(self, bytes data) except -1:
        """Answer a plain handshake, and be a WebSocket; false, and nothing is done, if it is anything else."""
        cdef ConnectionBook connections = self._connections
        if connections.welcome is None or PyBytes_GET_SIZE(data) > <Py_ssize_t>connections.limits.max_head_bytes:
            return False
        try:
            upgrade = connections.welcome(data)
        except Exception as error:
            self._on_fault(error)
            return False
        if upgrade is None:
            return False
        connections.counters.http_requests_total += 1
        self.become_websocket(upgrade.handler, None, True)
        self.send(upgrade.head)
        self._handler.opened(self)
        if connections.draining:
            self._close_drained()
        return True

    def become_websocket(self, handler not None, pack, bint is_empty):
        cdef ConnectionBook connections = self._connections
        cdef int fd
        self._state = IS_OPEN
        self._is_new = False
        self._handler, self._http = handler, None
        self._heard_at = self._pinged_at = connections.wheel.now
        connections.http.pop(self, None)
        connections.websockets[self] = None
        connections.counters.connections_total += 1
        self._wait_until(<double>connections.wheel.now + <double>handler.ping_interval_s)
        fd = connections.descriptor_of(self._transport)
        self._pack, self._fd = pack, fd
        self._way = <uint8_t>(INDIRECT if fd < 0 else DIRECT if is_empty else ASK)

    def connection_lost(self, exc, /):
        cdef ConnectionBook connections = self._connections
        handler = self._handler
        if handler is None or self._http is not None or connections.buffered:
            self._lose(exc)
            return
        self._state = IS_LOST
        self._handler = self._held = None
        self._detach()
        handler.closed()
        connections.websockets.pop(self, None)
        if self.wheel_tick is not None:
            take_out(self.wheel_tick, self)
            self.wheel_tick = None
        if connections.draining:
            connections.forget_websocket(self)

    cdef int _wait_until(self, double due) except -1:
        """As `Wheel.schedule`."""
        cdef dict tick = self._connections.wheel.tick_of(due)
        if tick is self.wheel_tick:
            return 0
        if self.wheel_tick is not None:
            take_out(self.wheel_tick, self)
        tick[self] = None
        self.wheel_tick = tick
        return 0

    def seconds_since_sent(self):
        cdef long long ms = ms_since_sent(self._fd) if self._fd >= 0 else -1
        return <double>ms / 1000.0 if ms >= 0 else None


cdef bytes _whole_text(bytes data):
    """The payload of the frame that `data` is: one whole, masked and final TEXT frame of valid UTF-8, and nothing else.
    None if it is anything but that."""
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef size_t have = <size_t>PyBytes_GET_SIZE(data), length, head = 6
    cdef utf8_state follow
    cdef bytes text
    cdef uint8_t* to
    if have < 6 or at[0] != (0x80 | OP_TEXT) or not at[1] & 0x80:
        return None
    length = at[1] & 0x7F
    if length == 126:
        length = (<size_t>at[2] << 8) | at[3]
        head = 8
        if length < 126:
            return None
    elif length == 127:
        return None
    if have != head + length:
        return None
    text = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>length)
    to = <uint8_t*>PyBytes_AS_STRING(text)
    unmask(to, at + head, length, at + head - 4, 0)
    memset(&follow, 0, sizeof(follow))
    if not utf8_follow(&follow, to, length) or follow.missing:
        return None
    return text
