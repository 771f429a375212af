"""Cut plain requests to POST /apps/{id}/events whole, and check their signature.

Plan: plain is what SDKs send: a head that asks for nothing unusual, the five parameters of a signature, and a body as
in event_bodies.pyx. Such a request is cut in one walk, and hashed where it stands. No object is made but for what the
event needs. Anything else, and anything that might be refused, is left to the caller.

Rule 1: what is cut here and found to be signed, the careful way would have taken too, as the same event.
Rule 2: nothing is refused here.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memcmp, memcpy
from revurb._speedups.digests cimport MD5_CHARS, SIGNATURE_CHARS, same
from revurb._speedups.event_bodies cimport EventBody, channel_of, cut_event, event_text, socket_id_of

cdef enum:
    MAX_NAME_BYTES = 32  # of a field that might have a meaning
    MAX_TIMESTAMP_CHARS = 12  # as of api/signature.py

cdef extern from *:
    """
    static const char *const NAMES[] = {
        "auth_key=", "auth_timestamp=", "auth_version=", "body_md5=", "auth_signature="};
    static const size_t NAME_BYTES[] = {9, 15, 13, 9, 15};
    """
    const char* const* NAMES  # of the parameters
    const size_t* NAME_BYTES


def cut_publish(bytes data not None, bytes prefix not None, size_t max_head_bytes, size_t max_body_bytes, /):
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef const uint8_t* stop = start + PyBytes_GET_SIZE(data)
    cdef Span app_id, words
    cdef EventBody body
    if stop - start < 5 or memcmp(start, b"POST ", 5) != 0:
        return None
    words.start, words.size = <const uint8_t*>PyBytes_AS_STRING(prefix), <size_t>PyBytes_GET_SIZE(prefix)
    cdef PlainPublish cut = PlainPublish.__new__(PlainPublish)
    cdef const uint8_t* at = _past_path(start + 5, stop, &words, &cut._path, &app_id)
    if at is not NULL:
        at = _past_query(at, stop, cut._values)
    if at is not NULL and at - start <= MAX_TARGET_BYTES:
        at = _past_fields(at, stop)
    else:
        return None
    if (at is NULL or <size_t>(at - start) > max_head_bytes or <size_t>(stop - at) > max_body_bytes
            or not cut_event(at, stop, &body)):
        return None
    cut._data = data
    cut._body.start, cut._body.size = at, <size_t>(stop - at)
    cut.app_id = PyUnicode_DecodeASCII(<const char*>app_id.start, <Py_ssize_t>app_id.size, NULL)
    cut.channel, cut.text, cut.socket_id = channel_of(&body), event_text(&body), socket_id_of(&body)
    return cut


@cython.final
@cython.freelist(4)
cdef class PlainPublish:
    def is_signed(self, bytes key not None, SigningKey signing_key not None, Md5 md5 not None, double now_s,
                  double max_age_s, /):
        cdef uint8_t signed[2 * MAX_TARGET_BYTES]  # the path and the query, with a few signs in between
        cdef uint8_t digest[SIGNATURE_CHARS]
        cdef Span* values = self._values
        if values[AUTH_KEY].size != <size_t>PyBytes_GET_SIZE(key) or memcmp(
                values[AUTH_KEY].start, PyBytes_AS_STRING(key), values[AUTH_KEY].size) != 0:
            return False
        if max_age_s > 0 and not self._is_recent(now_s, max_age_s):
            return False
        signing_key.write(signed, self._write_signed(signed), digest)
        if not same(digest, values[AUTH_SIGNATURE].start, SIGNATURE_CHARS):
            return False
        md5.write(self._body.start, self._body.size, digest)
        return same(digest, values[BODY_MD5].start, MD5_CHARS)

    cdef bint _is_recent(self, double now_s, double max_age_s) noexcept:
        cdef Span* value = &self._values[AUTH_TIMESTAMP]
        cdef double timestamp_s = 0
        cdef size_t i
        if value.size == 0 or value.size > MAX_TIMESTAMP_CHARS:
            return False
        for i in range(value.size):
            if not c"0" <= value.start[i] <= c"9":
                return False
            timestamp_s = 10 * timestamp_s + (value.start[i] - c"0")
        return -max_age_s <= now_s - timestamp_s <= max_age_s

    cdef size_t _write_signed(self, uint8_t* to) noexcept:
        """Write what is signed: method, path and parameters. How many bytes that are."""
        cdef uint8_t* start = to
        cdef size_t i
        to = _put(to, b"POST\n", 5)
        to = _put(to, self._path.start, self._path.size)
        for i in range(<size_t>AUTH_SIGNATURE):
            to = _put(to, b"&" if i else b"\n", 1)
            to = _put(to, NAMES[i], NAME_BYTES[i])
            to = _put(to, self._values[i].start, self._values[i].size)
        return <size_t>(to - start)


cdef uint8_t* _put(uint8_t* to, const void* bytes, size_t size) noexcept:
    memcpy(to, bytes, size)
    return to + size


cdef bint _begins(const uint8_t* at, const uint8_t* stop, const void* words, size_t size) noexcept:
    return <size_t>(stop - at) >= size and memcmp(at, words, size) == 0


cdef const uint8_t* _past_path(const uint8_t* at, const uint8_t* stop, const Span* prefix, Span* path,
                               Span* app_id) noexcept:
    """Cut PREFIX/apps/ID/events? and give where the query starts; NULL if it is another path, or one to decode."""
    path.start = at
    if not _begins(at, stop, prefix.start, prefix.size):
        return NULL
    at += prefix.size
    if not _begins(at, stop, b"/apps/", 6):
        return NULL
    at += 6
    app_id.start = at
    while at < stop and 0x20 < at[0] < 0x7F and at[0] != c"/" and at[0] != c"?" and at[0] != c"%" and at[0] != c"#":
        at += 1
    app_id.size = <size_t>(at - app_id.start)
    if app_id.size == 0 or not _begins(at, stop, b"/events?", 8):
        return NULL
    path.size = <size_t>(at + 7 - path.start)
    return at + 8


cdef const uint8_t* _past_query(const uint8_t* at, const uint8_t* stop, Span* values) noexcept:
    """Cut the parameters, each there once and nothing in them to decode, and give where the fields start."""
    cdef size_t i, count = 0
    for i in range(<size_t>PARAMETERS):
        values[i].start = NULL
    while count < PARAMETERS:
        for i in range(<size_t>PARAMETERS):
            if values[i].start is NULL and _begins(at, stop, NAMES[i], NAME_BYTES[i]):
                break
        else:
            return NULL
        at += NAME_BYTES[i]
        values[i].start = at
        while at < stop and 0x20 < at[0] < 0x7F and at[0] != c"&" and at[0] != c"%" and at[0] != c"+" and at[0] != c"#":
            at += 1
        values[i].size = <size_t>(at - values[i].start)
        count += 1
        if count < PARAMETERS:
            if at == stop or at[0] != c"&":
                return NULL
            at += 1
    if (values[AUTH_VERSION].size != 3 or memcmp(values[AUTH_VERSION].start, b"1.0", 3) != 0
            or values[BODY_MD5].size != MD5_CHARS or values[AUTH_SIGNATURE].size != SIGNATURE_CHARS
            or not _begins(at, stop, b" HTTP/1.1\r\n", 11)):
        return NULL
    return at + 11


cdef const uint8_t* _past_fields(const uint8_t* at, const uint8_t* stop) noexcept:
    """Where the body starts, which is all that is left; NULL if a field is not plain, or asks for something."""
    cdef uint8_t name[MAX_NAME_BYTES]
    cdef bint has_host = False, has_length = False
    cdef const uint8_t* value
    cdef const uint8_t* end
    cdef size_t size, length = 0
    while at < stop and at[0] != c"\r":
        size = 0
        while at < stop and size < MAX_NAME_BYTES and _is_name_byte(at[0]):
            name[size] = at[0] | 0x20  # lower case; "-" stays
            size += 1
            at += 1
        if size == 0 or at == stop or at[0] != c":":
            return NULL
        at += 1
        while at < stop and (at[0] == c" " or at[0] == c"\t"):
            at += 1
        value = at
        while at < stop and (0x20 <= at[0] < 0x7F or at[0] == c"\t"):
            at += 1
        if not _begins(at, stop, b"\r\n", 2):
            return NULL
        end = at
        at += 2
        while end > value and (end[-1] == c" " or end[-1] == c"\t"):
            end -= 1
        if size == 4 and memcmp(name, b"host", 4) == 0:
            if has_host or not _is_host(value, end):
                return NULL
            has_host = True
        elif size == 14 and memcmp(name, b"content-length", 14) == 0:
            if has_length or not _read_length(value, end, &length):
                return NULL
            has_length = True
        elif size == 10 and memcmp(name, b"connection", 10) == 0:
            if not _is_keep_alive(value, end):
                return NULL
        elif _asks(name, size):
            return NULL
    if not (has_host and has_length and _begins(at, stop, b"\r\n", 2)) or length != <size_t>(stop - at - 2):
        return NULL
    return at + 2


cdef bint _asks(const uint8_t* name, size_t size) noexcept:
    """Whether a field of this name may have a meaning for the answer, or for what follows it."""
    if size == 17:
        return memcmp(name, b"transfer-encoding", 17) == 0
    if size == 15:
        return memcmp(name, b"idempotency-key", 15) == 0
    return size == 6 and memcmp(name, b"expect", 6) == 0 or size == 7 and memcmp(name, b"upgrade", 7) == 0


cdef bint _is_keep_alive(const uint8_t* at, const uint8_t* stop) noexcept:
    cdef size_t i
    if stop - at != 10:
        return False
    for i in range(10):
        if (at[i] | 0x20) != (<const uint8_t*>b"keep-alive")[i]:
            return False
    return True


cdef bint _is_name_byte(uint8_t byte) noexcept:
    return c"a" <= byte <= c"z" or c"A" <= byte <= c"Z" or c"0" <= byte <= c"9" or byte == c"-"


cdef bint _is_host(const uint8_t* at, const uint8_t* stop) noexcept:
    while at < stop and (_is_name_byte(at[0]) or at[0] == c"." or at[0] == c":" or at[0] == c"[" or at[0] == c"]"):
        at += 1
    return at == stop


cdef bint _read_length(const uint8_t* at, const uint8_t* stop, size_t* length) noexcept:
    """Read a number of at most nine digits, as we would write it."""
    if stop - at < 1 or stop - at > 9 or at[0] == c"0":
        return False
    length[0] = 0
    while at < stop and c"0" <= at[0] <= c"9":
        length[0] = 10 * length[0] + (at[0] - c"0")
        at += 1
    return at == stop
