from revurb._speedups.fanout cimport Outbox

cdef extern from "sendops.h" nogil:
    long long ms_since_sent(int fd) noexcept

cdef enum:
    DIRECT_BYTES = 2048  # as transport/intake.py has it
    MAX_REPLY_BYTES = 65536

cdef class PlainConnection(Outbox):
    cdef:
        public object _connections
        public object _transport
        public object _http        # HttpConnection, from the first bytes that are no plain handshake to the upgrade
        public object _handler     # WebSocketHandler, while it is spoken to
        public object _ws          # WebSocket, while the connection is in the middle of something
        public object _held        # HeldInput
        public object wheel_tick
        public object _heard_at    # monotonic seconds: floats of the wheel, which many share
        public object _pinged_at
