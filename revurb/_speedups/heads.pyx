"""Cut plain HTTP/1.1 request heads into their parts (RFC 9112 sections 3 and 5).

Plan: plain is what clients send nearly always: GET or POST of a path, HTTP/1.1, and fields in visible ASCII, none of
them twice. That is cut in one walk over the bytes. Anything else is left to llhttp: here it is only found to be not plain.

Rule 1: what is cut here, llhttp would have cut the same way. Where it might not, the head is not plain.
Rule 2: nothing is refused here, and no field is given a meaning.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, strchr

cdef uint8_t TOKEN[256]  # RFC 9110 5.6.2: the bytes of a token, in lower case; 0 for the others


cdef int _fill_token() except -1:
    cdef int byte
    for byte in range(256):
        TOKEN[byte] = 0
        if c"A" <= byte <= c"Z":
            TOKEN[byte] = <uint8_t>(byte + 32)
        elif c"a" <= byte <= c"z" or c"0" <= byte <= c"9" or (
                byte and strchr(b"!#$%&'*+-.^_`|~", byte) is not NULL):
            TOKEN[byte] = <uint8_t>byte
    return 0


_fill_token()


def cut_head(bytes data not None, /):
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef const uint8_t* stop = start + PyBytes_GET_SIZE(data)
    cdef const uint8_t* at = start
    cdef str method, path, query
    cdef dict headers = {}
    if stop - at > 5 and memcmp(at, b"POST ", 5) == 0:
        method = "POST"
        at += 5
    elif stop - at > 4 and memcmp(at, b"GET ", 4) == 0:
        method = "GET"
        at += 4
    else:
        return None
    cdef const uint8_t* target = at
    cdef const uint8_t* mark = NULL  # the first "?"
    if at[0] != c"/":
        return None
    while at < stop and 0x20 < at[0] < 0x7F and at[0] != c"#":
        if mark is NULL and at[0] == c"?":
            mark = at
        at += 1
    if stop - at < 11 or memcmp(at, b" HTTP/1.1\r\n", 11) != 0:
        return None
    path = _text(target, at if mark is NULL else mark)
    query = "" if mark is NULL else _text(mark + 1, at)
    at += 11
    while stop - at >= 2 and at[0] != c"\r":
        at = _cut_field(at, stop, headers)
        if at is NULL:
            return None
    if stop - at < 2 or at[1] != c"\n":
        return None
    return method, path, query, headers, at + 2 - start


cdef const uint8_t* _cut_field(const uint8_t* at, const uint8_t* stop, dict headers) except? NULL:
    """One field line into `headers`: where the next line starts, NULL if it is not plain."""
    cdef uint8_t name[MAX_NAME_BYTES]
    cdef Py_ssize_t size = 0
    while at < stop and size < MAX_NAME_BYTES and TOKEN[at[0]]:
        name[size] = TOKEN[at[0]]
        size += 1
        at += 1
    if size == 0 or at == stop or at[0] != c":":
        return NULL
    at += 1
    while at < stop and (at[0] == c" " or at[0] == c"\t"):
        at += 1
    cdef const uint8_t* value = at
    while at < stop and (0x20 <= at[0] < 0x7F or at[0] == c"\t"):
        at += 1
    if stop - at < 2 or at[0] != c"\r" or at[1] != c"\n":
        return NULL
    cdef const uint8_t* end = at
    while end > value and (end[-1] == c" " or end[-1] == c"\t"):
        end -= 1
    cdef str field = _text(name, name + size)
    if field in headers:
        return NULL
    headers[field] = _text(value, end)
    return at + 2


cdef str _text(const uint8_t* start, const uint8_t* stop):
    return PyUnicode_DecodeASCII(<const char*>start, stop - start, NULL)
