from libc.stdint cimport uint8_t

cdef enum:
    MAX_NAME_BYTES = 64  # of a plain field; the longest that clients send has 31

cdef const uint8_t* _cut_field(const uint8_t* at, const uint8_t* stop, dict headers) except? NULL
