from libc.stdint cimport uint8_t

from revurb._speedups.digests cimport Md5, SigningKey

cdef enum:
    MAX_TARGET_BYTES = 512  # of a plain request; that of an SDK has some 200

cdef struct Span:
    const uint8_t* start
    size_t size

cdef enum:  # parameters, in the order in which they are signed
    AUTH_KEY = 0
    AUTH_TIMESTAMP = 1
    AUTH_VERSION = 2
    BODY_MD5 = 3
    AUTH_SIGNATURE = 4
    PARAMETERS = 5


cdef class PlainPublish:
    cdef:
        bytes _data  # which the spans point into
        Span _path, _body
        Span _values[PARAMETERS]
        readonly str app_id
        readonly str channel
        readonly bytes text
        readonly str socket_id

    cdef bint _is_recent(self, double now_s, double max_age_s) noexcept
    cdef size_t _write_signed(self, uint8_t* to) noexcept
