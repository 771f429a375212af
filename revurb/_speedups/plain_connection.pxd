from revurb._speedups.fanout cimport Outbox
from revurb._speedups.wheel cimport Wheel

cdef extern from "sendops.h" nogil:
    long long ms_since_sent(int fd) noexcept

cdef enum:
    DIRECT_BYTES = 2048  # as transport/intake.py has it
    MAX_REPLY_BYTES = 65536

cdef enum State:  # HTTP, OPEN, CLOSING and LOST
    SPEAKS_HTTP
    IS_OPEN
    IS_CLOSING
    IS_LOST

cdef class ConnectionBook:
    cdef:
        public object fanout
        public Wheel wheel
        public dict http
        public dict websockets
        public object limits
        public object counters
        public object welcome
        public object descriptor_of
        public object buffered     # BufferedConnection -> None
        public bint draining
        public bint is_stopped

cdef class PlainConnection(Outbox):
    cdef:
        public ConnectionBook _connections
        public object _transport
        public object _http        # HttpConnection, from the first bytes that are no plain handshake to the upgrade
        public object _handler     # WebSocketHandler, while it is spoken to
        public object _ws          # WebSocket, while the connection is in the middle of something
        public object _held        # HeldInput
        public dict wheel_tick
        public object _heard_at    # monotonic seconds: floats of the wheel, which many share
        public object _pinged_at

    cdef int _wait_until(self, double due) except -1
    cdef bint _is_welcome(self, bytes data) except -1
