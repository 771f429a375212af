"""What a connection does with plain input: a handshake, or one whole text frame, in one read and with nothing under way.

Plan: nearly all that clients send is that. It is handed on from here, with no Python between the event loop and who
answers; anything else goes to `transport/client_connection.py`, which alone knows what is wrong with it.

The event loop keeps what `data_received` gives: a bound method would be 80 bytes more for each connection, so it is the
connection itself, which can be called.

Rule: what is taken here, the careful way would have handed on as well, with the same effects.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memset

from revurb._speedups.fanout cimport Fanout
from revurb._speedups.frames cimport OP_TEXT, unmask, utf8_follow, utf8_state


cdef class PlainConnection(Outbox):
    def __cinit__(self, connections not None, *args, **kwargs):
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
