"""Cut plain query strings into their parameters, and put them in the order in which Pusher signs them.

Plan: plain is what every SDK sends to publish: `name=value` a few times, with nothing to decode. Such a query is cut in
one walk over its characters, which stay where they are; what is signed is then copied from there in order. Anything
else is left to the caller: here it is only found to be not plain.

Rule: nothing is refused here, and no parameter but `auth_signature`, which signs the others, has a meaning.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const uint8_t* PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    str PyUnicode_DecodeASCII(const char* text, Py_ssize_t size, const char* errors)

cdef struct Part:
    const uint8_t* start
    Py_ssize_t size


def cut_query(str query not None, /):
    cdef Part signed[MAX_PARTS]
    cdef int parts = 0
    cdef Py_ssize_t signed_bytes = 0
    cdef dict given = {}
    if not PyUnicode_IS_COMPACT_ASCII(query):
        return None
    cdef const uint8_t* at = PyUnicode_1BYTE_DATA(query)
    cdef const uint8_t* stop = at + PyUnicode_GET_LENGTH(query)
    cdef const uint8_t* start
    cdef const uint8_t* equals
    cdef int place
    while at < stop:
        start = at
        equals = NULL
        while at < stop and at[0] != c"&":
            if at[0] == c"%" or at[0] == c"+":
                return None
            if at[0] == c"=" and equals is NULL:
                equals = at
            at += 1
        if equals is NULL or parts == MAX_PARTS:
            return None
        given[_text(start, equals)] = _text(equals + 1, at)
        if not (equals - start == 14 and memcmp(start, b"auth_signature", 14) == 0):
            place = parts  # SDKs sort them as a rule: then none has to move
            while place > 0 and _before(start, at - start, &signed[place - 1]):
                signed[place] = signed[place - 1]
                place -= 1
            signed[place].start = start
            signed[place].size = at - start
            signed_bytes += at - start
            parts += 1
        if at < stop:
            at += 1
            if at == stop:
                return None  # an empty part
    return given, _joined(signed, parts, signed_bytes)


cdef bint _before(const uint8_t* start, Py_ssize_t size, const Part* other) noexcept:
    cdef int order = memcmp(start, other.start, <size_t>min(size, other.size))
    return order < 0 or (order == 0 and size < other.size)


cdef str _joined(const Part* parts, int count, Py_ssize_t total):
    if count == 0:
        return ""
    cdef str text = PyUnicode_New(total + count - 1, 127)
    cdef uint8_t* to = <uint8_t*>PyUnicode_1BYTE_DATA(text)
    cdef int i
    for i in range(count):
        if i:
            to[0] = c"&"
            to += 1
        memcpy(to, parts[i].start, <size_t>parts[i].size)
        to += parts[i].size
    return text


cdef str _text(const uint8_t* start, const uint8_t* stop):
    return PyUnicode_DecodeASCII(<const char*>start, stop - start, NULL)
