from libc.stdint cimport uint8_t

from revurb._speedups.tally cimport Tally

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "sendops.h" nogil:
    enum: FRAMES_PER_CALL
    ssize_t send_frames(int fd, iovec* frames, int count) noexcept
    long long monotonic_ns() noexcept

cdef enum Way:
    INDIRECT  # everything through the transport: TLS
    ASK       # through the transport until its buffer is empty, which `transport_is_empty` tells
    DIRECT    # to the descriptor
    GONE      # nothing is sent any more

cdef enum Lane:
    URGENT = 1  # bits of `Outbox._lanes`
    BULK = 2

cdef class Fanout:
    cdef:
        list _urgent        # outboxes that were sent something of their own, or by a delivery to few
        list _bulk          # outboxes that large deliveries have sent something
        object _wake        # called when there is something to flush
        bint _woken
        size_t _limit_bytes   # for all outboxes and transports together
        readonly size_t queued_bytes
        readonly unsigned long long frames_total
        readonly unsigned long long sent_bytes_total
        readonly Tally flush_times
        public size_t transport_bytes
        readonly bint has_long_outbox

    cdef int _add(self, Outbox box, Lane lane) except -1
    cdef int _flush_list(self, list boxes, Lane lane, long long end) except -1

cdef class Outbox:
    cdef:
        Fanout _fanout
        object _waiting     # None, one frame, or a list of frames
        object _pack        # None, or what makes the frame to send of a plain one
        size_t _queued_bytes  # of the frames that wait
        public unsigned int reply_bytes  # as many as it can count, if they are more
        int _fd
        uint8_t _way        # a Way; bytes, since there is one of these for each connection
        uint8_t _lanes      # the lists that it is in
        uint8_t _is_shut    # takes nothing more; what waits is still sent
        # What the owner keeps, here, where it takes no room:
        public uint8_t _pings
        public uint8_t _awaits_drain
        public uint8_t _is_new
        public uint8_t _state

    cdef int _detach(self) except -1
    cdef int _put(self, bytes frame, Lane lane) except -1
    cdef int _flush(self) except -1
    cdef int _send_directly(self, object waiting) except -1
