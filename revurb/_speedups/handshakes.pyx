"""Read plain WebSocket handshakes, and make their answer (RFC 6455 4.2).

Plan: plain is what browsers and the SDKs send: GET of a path, HTTP/1.1, fields in visible ASCII, nothing that has to be
negotiated. Of that one walk over the bytes keeps what is asked of it, and nothing is made of the rest. Anything else is
left to `wire/http.py` and `wire/handshake.py`: here it is only found to be not plain.

Without OpenSSL (`_speedups/digests`) nothing is plain.

Rule 1: what is plain here, those would have answered with the same bytes. Where they might not, it is not plain.
Rule 2: nothing is refused here.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, strchr
from revurb._speedups.digests cimport MAX_DIGEST_BYTES, SHA1_BYTES, Sha1

cdef enum:
    KEY_BYTES = 22  # of base64: 16 bytes, without padding
    GUID_BYTES = 36
    ACCEPT_BYTES = 28

cdef uint8_t TOKEN[256]  # RFC 9110 5.6.2: the bytes of a token, in lower case; 0 for the others
cdef uint8_t HOST[256]  # RFC 9110 7.2: uri-host [ ":" port ]
cdef uint8_t BASE64[256]

cdef bytes GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
cdef bytes HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)
cdef bytes TAIL = b"\r\nX-Powered-By: Revurb\r\n\r\n"
cdef const uint8_t* DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


cdef int _fill_tables() except -1:
    cdef int byte
    cdef bint letter, digit
    for byte in range(256):
        letter = c"A" <= byte <= c"Z" or c"a" <= byte <= c"z"
        digit = c"0" <= byte <= c"9"
        TOKEN[byte] = HOST[byte] = BASE64[byte] = 0
        if letter or digit:
            TOKEN[byte] = <uint8_t>(byte | 0x20)  # digits have that bit
            HOST[byte] = BASE64[byte] = 1
        elif byte and strchr(b"!#$%&'*+-.^_`|~", byte) is not NULL:
            TOKEN[byte] = <uint8_t>byte
        if byte and strchr(b"._~%!$&'()*+,;=:[]-", byte) is not NULL:
            HOST[byte] = 1
        if byte == c"+" or byte == c"/":
            BASE64[byte] = 1
    return 0


_fill_tables()
cdef Sha1 _sha1 = None
try:
    _sha1 = Sha1()
except RuntimeError:  # no OpenSSL, or it refuses
    pass

cdef enum Field:  # bits of `seen`
    OTHER = 0
    HAS_HOST = 1
    HAS_UPGRADE = 2
    HAS_CONNECTION = 4
    HAS_KEY = 8
    HAS_VERSION = 16
    HAS_ORIGIN = 32
    NEGOTIATED = 64  # has to be read the careful way
    EXTENSIONS = 128
    NEEDED = 31

cdef struct Text:
    const uint8_t* start
    Py_ssize_t size


def cut_handshake(bytes data not None, bint takes_extensions, /):
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef const uint8_t* stop = start + PyBytes_GET_SIZE(data)
    cdef const uint8_t* at = start + 4
    cdef const uint8_t* end_of_path = NULL
    cdef Text value, key, origin
    cdef int field, seen = 0
    key.start = origin.start = NULL
    key.size = origin.size = 0
    if _sha1 is None or stop - start < 16 or memcmp(start, b"GET /", 5) != 0:
        return None
    while at < stop and 0x20 < at[0] < 0x7F and at[0] != c"#":
        if end_of_path is NULL and at[0] == c"?":
            end_of_path = at
        at += 1
    if stop - at < 11 or memcmp(at, b" HTTP/1.1\r\n", 11) != 0:
        return None
    if end_of_path is NULL:
        end_of_path = at
    at += 11
    while stop - at >= 2 and at[0] != c"\r":
        at = _cut_field(at, stop, &field, &value)
        if at is NULL or field == NEGOTIATED or seen & field:
            return None
        if field == EXTENSIONS:
            if takes_extensions:
                return None
        elif field == HAS_KEY:
            key = value
        elif field == HAS_ORIGIN:
            origin = value
        elif field != OTHER and not _is_plain(field, value):
            return None
        seen |= field
    if stop - at != 2 or at[1] != c"\n" or seen & NEEDED != NEEDED or not _is_key(key):
        return None
    return (
        PyUnicode_DecodeASCII(<const char*>start + 4, end_of_path - start - 4, NULL),
        PyUnicode_DecodeASCII(<const char*>origin.start, origin.size, NULL) if seen & HAS_ORIGIN else None,
        _answer(key),
    )


cdef const uint8_t* _cut_field(const uint8_t* at, const uint8_t* stop, int* field, Text* value) except? NULL:
    """One field line: which it is and its value, and where the next line starts; NULL if it is not plain."""
    cdef uint8_t name[MAX_NAME_BYTES]
    cdef size_t size = 0
    while at < stop and size < MAX_NAME_BYTES and TOKEN[at[0]]:
        name[size] = TOKEN[at[0]]
        size += 1
        at += 1
    if size == 0 or at == stop or at[0] != c":":
        return NULL
    at += 1
    while at < stop and (at[0] == c" " or at[0] == c"\t"):
        at += 1
    value.start = at
    while at < stop and (0x20 <= at[0] < 0x7F or at[0] == c"\t"):
        at += 1
    if stop - at < 2 or at[0] != c"\r" or at[1] != c"\n":
        return NULL
    value.size = at - value.start
    while value.size > 0 and (value.start[value.size - 1] == c" " or value.start[value.size - 1] == c"\t"):
        value.size -= 1
    field[0] = _field(name, size)
    return at + 2


cdef int _field(const uint8_t* name, size_t size) noexcept:
    if size == 4:
        return HAS_HOST if memcmp(name, b"host", 4) == 0 else OTHER
    if size == 6:
        return HAS_ORIGIN if memcmp(name, b"origin", 6) == 0 else NEGOTIATED if memcmp(name, b"expect", 6) == 0 else OTHER
    if size == 7:
        return HAS_UPGRADE if memcmp(name, b"upgrade", 7) == 0 else OTHER
    if size == 10:
        return HAS_CONNECTION if memcmp(name, b"connection", 10) == 0 else OTHER
    if size == 14:
        return NEGOTIATED if memcmp(name, b"content-length", 14) == 0 else OTHER
    if size == 17:
        if memcmp(name, b"sec-websocket-key", 17) == 0:
            return HAS_KEY
        return NEGOTIATED if memcmp(name, b"transfer-encoding", 17) == 0 else OTHER
    if size == 21:
        return HAS_VERSION if memcmp(name, b"sec-websocket-version", 21) == 0 else OTHER
    if size == 22:
        return NEGOTIATED if memcmp(name, b"sec-websocket-protocol", 22) == 0 else OTHER
    if size == 24:
        return EXTENSIONS if memcmp(name, b"sec-websocket-extensions", 24) == 0 else OTHER
    return OTHER


cdef bint _is_plain(int field, Text value) noexcept:
    cdef Py_ssize_t i
    if field == HAS_HOST:
        for i in range(value.size):
            if not HOST[value.start[i]]:
                return False
        return True
    if field == HAS_UPGRADE:
        return value.size == 9 and _is_word(value.start, b"websocket", 9)
    if field == HAS_CONNECTION:
        return _has_upgrade(value)
    return value.size == 2 and memcmp(value.start, b"13", 2) == 0


cdef bint _is_word(const uint8_t* at, const char* word, Py_ssize_t size) noexcept:
    """Whether that is the word, in upper or lower case."""
    cdef Py_ssize_t i
    for i in range(size):
        if TOKEN[at[i]] != <uint8_t>word[i]:
            return False
    return True


cdef bint _has_upgrade(Text value) noexcept:
    """Whether "upgrade" is a member of the list (RFC 9110 5.6.1)."""
    cdef const uint8_t* at = value.start
    cdef const uint8_t* stop = at + value.size
    cdef const uint8_t* end
    while at < stop:
        while at < stop and (at[0] == c" " or at[0] == c"\t"):
            at += 1
        end = at
        while end < stop and end[0] != c",":
            end += 1
        value.size = end - at
        while value.size > 0 and (at[value.size - 1] == c" " or at[value.size - 1] == c"\t"):
            value.size -= 1
        if value.size == 7 and _is_word(at, b"upgrade", 7):
            return True
        at = end + 1
    return False


cdef bint _is_key(Text key) noexcept:
    """22 digits of base64 and as much padding as there is, which says nothing that the length does not."""
    cdef Py_ssize_t i
    if not KEY_BYTES <= key.size <= KEY_BYTES + 2:
        return False
    for i in range(key.size):
        if not BASE64[key.start[i]] if i < KEY_BYTES else key.start[i] != c"=":
            return False
    return True


cdef bytes _answer(Text key):
    cdef uint8_t text[KEY_BYTES + 2 + GUID_BYTES]
    cdef uint8_t digest[MAX_DIGEST_BYTES]
    cdef size_t key_size = <size_t>key.size
    cdef bytes answer = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(HEAD) + ACCEPT_BYTES + PyBytes_GET_SIZE(TAIL))
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(answer)
    cdef uint32_t three
    cdef int i
    memcpy(text, key.start, key_size)
    memcpy(text + key_size, PyBytes_AS_STRING(GUID), GUID_BYTES)
    _sha1.write(text, key_size + GUID_BYTES, digest)
    digest[SHA1_BYTES] = 0  # 21 bytes are 28 digits, of which the last is padding
    memcpy(to, PyBytes_AS_STRING(HEAD), <size_t>PyBytes_GET_SIZE(HEAD))
    to += PyBytes_GET_SIZE(HEAD)
    for i in range(0, SHA1_BYTES, 3):
        three = <uint32_t>digest[i] << 16 | <uint32_t>digest[i + 1] << 8 | digest[i + 2]
        to[0], to[1] = DIGITS[three >> 18], DIGITS[(three >> 12) & 63]
        to[2], to[3] = DIGITS[(three >> 6) & 63], DIGITS[three & 63]
        to += 4
    to[-1] = c"="
    memcpy(to, PyBytes_AS_STRING(TAIL), <size_t>PyBytes_GET_SIZE(TAIL))
    return answer
