"""HMAC-SHA256, MD5 and SHA-1 for other kernels: hashed by OpenSSL, without Python objects (RFC 2104, RFC 1321, RFC 3174).

Plan: a context that has begun is kept, and copied for each text: OpenSSL 3 takes longer to find an algorithm than to
hash a short text. An HMAC of 150 bytes takes 0.28 us so; with hashlib's objects, which are copied too, 1.0 us.

Rule 1: an object hashes for one thread at a time. Who shares a process among threads gives each its own.
Rule 2: where this Python has no OpenSSL, or it refuses an algorithm, making an object raises: the caller has hashlib.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memset

try:
    import _hashlib
except ImportError:  # rule 2
    _hashlib = None

cdef extern from "evp.h":
    ctypedef struct evp_algorithm:
        pass
    ctypedef struct evp_functions:
        evp_context* create() noexcept
        void release(evp_context*) noexcept
        int start(evp_context*, const evp_algorithm*, void*) noexcept
        int copy(evp_context*, const evp_context*) noexcept
        int update(evp_context*, const void*, size_t) noexcept
        int finish(evp_context*, uint8_t*, unsigned int*) noexcept
        const evp_algorithm* by_name(const char*) noexcept
    bint evp_find(evp_functions* evp, const char* path) noexcept

cdef enum:
    BLOCK_BYTES = 64  # of SHA-256

cdef evp_functions evp
cdef bint is_found = False


def _find(path):
    global is_found
    cdef const char* name = NULL
    if path is not None:
        name = PyBytes_AS_STRING(path)
    is_found = evp_find(&evp, name)


if _hashlib is not None:
    _find(_hashlib.__file__.encode() if hasattr(_hashlib, "__file__") else None)


cdef evp_context* _begun(const char* algorithm, const uint8_t* text, size_t size) except NULL:
    """A context that has hashed `text`; the caller releases it."""
    cdef evp_context* made
    if not is_found:
        raise RuntimeError("this Python has no OpenSSL for its hashes")
    made = evp.create()
    if made is NULL:
        raise MemoryError()
    if not (evp.start(made, evp.by_name(algorithm), NULL) and evp.update(made, text, size)):
        evp.release(made)
        raise RuntimeError(f"OpenSSL refuses {algorithm.decode()}")
    return made


cdef int _finish(evp_context* scratch, const evp_context* begun, const uint8_t* text, size_t size,
                 uint8_t* digest) except -1:
    """Hash `text` behind what `begun` has hashed: the number of bytes of the digest."""
    cdef unsigned int count = 0
    if not (evp.copy(scratch, begun) and evp.update(scratch, text, size) and evp.finish(scratch, digest, &count)):
        raise RuntimeError("OpenSSL could not hash")
    return <int>count


cdef void _hex(const uint8_t* digest, int count, uint8_t* to) noexcept:
    cdef int i
    for i in range(count):
        to[2 * i] = (<const uint8_t*>b"0123456789abcdef")[digest[i] >> 4]
        to[2 * i + 1] = (<const uint8_t*>b"0123456789abcdef")[digest[i] & 15]


cdef bint same(const uint8_t* one, const uint8_t* other, size_t size) noexcept:
    """Whether both are the same, in a time that does not tell where they differ."""
    cdef uint8_t difference = 0
    cdef size_t i
    for i in range(size):
        difference |= one[i] ^ other[i]
    return difference == 0


@cython.final
cdef class SigningKey:
    def __cinit__(self, bytes secret not None):
        cdef uint8_t digest[MAX_DIGEST_BYTES]
        cdef uint8_t padded[BLOCK_BYTES]
        cdef const uint8_t* key = <const uint8_t*>PyBytes_AS_STRING(secret)
        cdef size_t size = <size_t>PyBytes_GET_SIZE(secret), i
        self._scratch = _begun(b"SHA256", NULL, 0)
        if size > BLOCK_BYTES:
            self._inner = _begun(b"SHA256", NULL, 0)
            size = <size_t>_finish(self._scratch, self._inner, key, size, digest)
            _release(self._inner)
            self._inner = NULL
            key = digest
        memset(padded, 0x36, BLOCK_BYTES)
        for i in range(size):
            padded[i] ^= key[i]
        self._inner = _begun(b"SHA256", padded, BLOCK_BYTES)
        for i in range(<size_t>BLOCK_BYTES):
            padded[i] ^= 0x36 ^ 0x5C
        self._outer = _begun(b"SHA256", padded, BLOCK_BYTES)

    def __dealloc__(self):
        _release(self._inner)
        _release(self._outer)
        _release(self._scratch)

    def sign(self, bytes text not None, /):
        cdef uint8_t signature[SIGNATURE_CHARS]
        self.write(<const uint8_t*>PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text), signature)
        return signature[:SIGNATURE_CHARS].decode("ascii")

    cdef int write(self, const uint8_t* text, size_t size, uint8_t* to) except -1:
        cdef uint8_t digest[MAX_DIGEST_BYTES]
        cdef int count = _finish(self._scratch, self._inner, text, size, digest)
        count = _finish(self._scratch, self._outer, digest, <size_t>count, digest)
        _hex(digest, count, to)
        return 0


@cython.final
cdef class Md5:
    def __cinit__(self):
        self._start = _begun(b"MD5", NULL, 0)
        self._scratch = _begun(b"MD5", NULL, 0)

    def __dealloc__(self):
        _release(self._start)
        _release(self._scratch)

    def of(self, bytes text not None, /):
        cdef uint8_t digest[MD5_CHARS]
        self.write(<const uint8_t*>PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text), digest)
        return digest[:MD5_CHARS].decode("ascii")

    cdef int write(self, const uint8_t* text, size_t size, uint8_t* to) except -1:
        cdef uint8_t digest[MAX_DIGEST_BYTES]
        _hex(digest, _finish(self._scratch, self._start, text, size, digest), to)
        return 0


@cython.final
cdef class Sha1:
    def __cinit__(self):
        self._start = _begun(b"SHA1", NULL, 0)
        self._scratch = _begun(b"SHA1", NULL, 0)

    def __dealloc__(self):
        _release(self._start)
        _release(self._scratch)

    def of(self, bytes text not None, /):
        cdef uint8_t digest[MAX_DIGEST_BYTES]
        self.write(<const uint8_t*>PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text), digest)
        return digest[:SHA1_BYTES]

    cdef int write(self, const uint8_t* text, size_t size, uint8_t* to) except -1:
        return _finish(self._scratch, self._start, text, size, to)


cdef void _release(evp_context* context) noexcept:
    if context is not NULL:
        evp.release(context)
