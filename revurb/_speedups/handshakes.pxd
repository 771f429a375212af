from libc.stdint cimport uint8_t

cdef extern from "sha1.h" nogil:
    enum: SHA1_BYTES
    void sha1(const uint8_t* message, size_t size, uint8_t* digest) noexcept

cdef enum:
    MAX_NAME_BYTES = 64  # of a plain field; the longest that clients send has 31
