"""Recognise the message that nearly every connection begins with: a plain subscription.

Rule 1: what is recognised here, a JSON decoder would have read the same way.
Rule 2: nothing is refused here: any other message is only found to be another one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

cdef bytes BARE = b'{"event":"pusher:subscribe","data":{"channel":"'
cdef bytes UNSIGNED = b'{"event":"pusher:subscribe","data":{"auth":"","channel":"'  # as pusher-js has it
cdef bytes END = b'"}}'


def cut_subscription(bytes message not None, /):
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(message)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(message), start, i
    start = _after(at, size, BARE)
    if start == 0:
        start = _after(at, size, UNSIGNED)
    size -= PyBytes_GET_SIZE(END)
    if start == 0 or size <= start or memcmp(at + size, PyBytes_AS_STRING(END), 3) != 0:
        return None
    for i in range(start, size):
        if not 0x20 <= at[i] < 0x7F or at[i] == c'"' or at[i] == c"\\":
            return None
    return PyUnicode_DecodeASCII(<const char*>at + start, size - start, NULL)


cdef Py_ssize_t _after(const uint8_t* at, Py_ssize_t size, bytes start) noexcept:
    """How long `start` is, if the message begins with it; else 0."""
    cdef Py_ssize_t have = PyBytes_GET_SIZE(start)
    return have if size > have and memcmp(at, PyBytes_AS_STRING(start), <size_t>have) == 0 else 0
