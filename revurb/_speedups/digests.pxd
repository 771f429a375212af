from libc.stdint cimport uint8_t

cdef extern from "evp.h":
    ctypedef struct evp_context:
        pass

cdef enum:
    SIGNATURE_CHARS = 64  # HMAC-SHA256 in hex
    MD5_CHARS = 32
    SHA1_BYTES = 20
    MAX_DIGEST_BYTES = 64


cdef class SigningKey:
    cdef:
        evp_context* _inner
        evp_context* _outer
        evp_context* _scratch

    cdef int write(self, const uint8_t* text, size_t size, uint8_t* to) except -1


cdef class Md5:
    cdef:
        evp_context* _start
        evp_context* _scratch

    cdef int write(self, const uint8_t* text, size_t size, uint8_t* to) except -1


cdef class Sha1:
    cdef:
        evp_context* _start
        evp_context* _scratch

    cdef int write(self, const uint8_t* text, size_t size, uint8_t* to) except -1


cdef bint same(const uint8_t* one, const uint8_t* other, size_t size) noexcept
