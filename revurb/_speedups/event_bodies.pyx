"""Cut plain bodies of POST /apps/{id}/events into their fields, and make the event of them that subscribers get.

Plan: plain is what SDKs send: an object of `name`, `data`, one channel in `channels` or as `channel`, and perhaps
`socket_id`, all of them strings. It is cut in one walk. Their JSON is what the event has too, character for character,
but for slashes: PHP escapes them. So strings are copied from one text to the other, and none is decoded.

Rule 1: what is cut here, msgspec would have read the same way, and orjson would have written the event with the same
bytes. Where they might not, the body is not plain.
Rule 2: nothing is refused here.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp, memcpy

cdef extern from "json_text.h":
    size_t json_plain_prefix(const uint8_t* bytes, size_t count) noexcept

cdef extern from "bytesops.h":
    ctypedef struct utf8_state:
        uint8_t missing, low, high
    bint utf8_follow(utf8_state* state, const uint8_t* bytes, size_t count) noexcept


cdef bint cut_event(const uint8_t* at, const uint8_t* stop, EventBody* body) noexcept:
    """Cut the body from `at` to `stop`: whether it is plain, and every string of it good UTF-8."""
    cdef JsonText key
    cdef JsonText* field
    cdef bint in_list
    body.name.start = body.data.start = body.channel.start = body.socket_id.start = NULL
    at = _after(c"{", at, stop)
    while at is not NULL:
        at = _cut_text(at, stop, &key)
        if at is NULL or not key.is_plain:
            return False
        in_list = False
        if _is(&key, b"name", 4):
            field = &body.name
        elif _is(&key, b"data", 4):
            field = &body.data
        elif _is(&key, b"channel", 7):
            field = &body.channel
        elif _is(&key, b"channels", 8):
            field, in_list = &body.channel, True
        elif _is(&key, b"socket_id", 9):
            field = &body.socket_id
        else:
            return False
        if field.start is not NULL:
            return False
        at = _after(c":", at, stop)
        if in_list and at is not NULL:
            at = _after(c"[", at, stop)
        if at is not NULL:
            at = _cut_text(at, stop, field)
        if in_list and at is not NULL:
            at = _after(c"]", at, stop)
        if at is NULL:
            return False
        at = _past_space(at, stop)
        if at < stop and at[0] == c"}":
            return _past_space(at + 1, stop) == stop and _is_event(body)
        at = _after(c",", at, stop)
    return False


cdef bint _is_event(const EventBody* body) noexcept:
    """Whether what an event needs is there. Channels with "#" are the server's own, and for others to judge."""
    return (
        body.name.start is not NULL and body.name.size > 0
        and body.data.start is not NULL
        and body.channel.start is not NULL and body.channel.size > 0 and body.channel.start[0] != c"#"
        and (body.channel.is_plain or body.channel.slashes == 0 and not _has_escape(&body.channel))
        and (body.socket_id.start is NULL or body.socket_id.is_plain)
    )


cdef bint _has_escape(const JsonText* text) noexcept:
    cdef size_t i
    for i in range(text.size):
        if text.start[i] == c"\\":
            return True
    return False


cdef bint _is(const JsonText* text, const char* word, size_t size) noexcept:
    return text.size == size and memcmp(text.start, word, size) == 0


cdef const uint8_t* _past_space(const uint8_t* at, const uint8_t* stop) noexcept:
    while at < stop and (at[0] == c" " or at[0] == c"\n" or at[0] == c"\r" or at[0] == c"\t"):
        at += 1
    return at


cdef const uint8_t* _after(uint8_t sign, const uint8_t* at, const uint8_t* stop) noexcept:
    """Behind the `sign` that comes next; NULL if something else does."""
    at = _past_space(at, stop)
    return at + 1 if at < stop and at[0] == sign else NULL


cdef const uint8_t* _cut_text(const uint8_t* at, const uint8_t* stop, JsonText* text) noexcept:
    """The string that comes next, and where it ends; NULL if none does, or orjson would write it in other words."""
    cdef utf8_state utf8
    cdef bint is_ascii = True
    at = _after(c'"', at, stop)
    if at is NULL:
        return NULL
    text.start, text.slashes, text.is_plain = at, 0, True
    while at < stop:
        at += json_plain_prefix(at, <size_t>(stop - at))
        if at == stop or at[0] < 0x20:
            return NULL
        if at[0] == c'"':
            text.size = <size_t>(at - text.start)
            if not is_ascii:
                text.is_plain = False
                utf8.missing = utf8.low = utf8.high = 0
                if not utf8_follow(&utf8, text.start, text.size) or utf8.missing:
                    return NULL
            return at + 1
        if at[0] == c"\\":
            at += 1
            if at == stop:
                return NULL
            text.is_plain = False
            if at[0] == c"/":
                text.slashes += 1
            elif not (at[0] == c'"' or at[0] == c"\\" or at[0] == c"b" or at[0] == c"f" or at[0] == c"n"
                      or at[0] == c"r" or at[0] == c"t"):
                return NULL
        elif at[0] >= 0x80:
            is_ascii = False
        at += 1
    return NULL


cdef bytes event_text(const EventBody* body):
    """`{"event":...,"data":"...","channel":...}`, as `pusher.messages.event_text` makes it."""
    cdef size_t size = 35 + body.name.size + body.data.size + body.channel.size - body.name.slashes - body.data.slashes
    cdef bytes text = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(text)
    to = _put(_put_words(to, b'{"event":"', 10), &body.name)
    to = _put(_put_words(to, b'","data":"', 10), &body.data)
    to = _put(_put_words(to, b'","channel":"', 13), &body.channel)
    _put_words(to, b'"}', 2)
    return text


cdef uint8_t* _put_words(uint8_t* to, const char* words, size_t size) noexcept:
    memcpy(to, words, size)
    return to + size


cdef uint8_t* _put(uint8_t* to, const JsonText* text) noexcept:
    cdef size_t i
    cdef bint escaped = False
    if text.slashes == 0:
        memcpy(to, text.start, text.size)
        return to + text.size
    for i in range(text.size):
        if escaped:
            if text.start[i] == c"/":
                to -= 1  # over the backslash
            escaped = False
        elif text.start[i] == c"\\":
            escaped = True
        to[0] = text.start[i]
        to += 1
    return to


cdef str channel_of(const EventBody* body):
    return PyUnicode_DecodeUTF8(<const char*>body.channel.start, <Py_ssize_t>body.channel.size, NULL)


def read_event(bytes body not None, /):
    cdef EventBody cut
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(body)
    if not cut_event(start, start + PyBytes_GET_SIZE(body), &cut):
        return None
    return channel_of(&cut), event_text(&cut), socket_id_of(&cut)


cdef str socket_id_of(const EventBody* body):
    if body.socket_id.start is NULL:
        return None
    return PyUnicode_DecodeUTF8(<const char*>body.socket_id.start, <Py_ssize_t>body.socket_id.size, NULL)
