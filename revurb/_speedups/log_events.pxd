cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "log_events.h" nogil:
    enum: LOG_EVENT

    ctypedef struct log_shape "struct log_shape":
        uint64_t magic, places, ring_bytes
        uint32_t slots

    ctypedef struct log_slot "struct log_slot":
        int32_t pid
        uint32_t flags
        uint64_t token, cursor
        uint8_t* topics

    ctypedef struct log_record "struct log_record":
        uint64_t target
        uint32_t length
        uint16_t bucket, flags

    ctypedef struct shared_log:
        log_slot* slots
        log_shape shape
        size_t topics

    ctypedef struct log_kept "struct log_kept":
        uint64_t app_bytes
        uint32_t size, ttl_s

    ctypedef struct log_event "struct log_event":
        const uint8_t* app
        const uint8_t* channel
        const uint8_t* except_id
        const uint8_t* text
        size_t app_bytes, channel_bytes, except_bytes, text_bytes
        uint64_t cache_ttl_s
        log_kept kept
        bint is_kept

    uint16_t log_topic(const uint8_t* app, size_t app_bytes, const uint8_t* channel, size_t channel_bytes) noexcept
    uint32_t log_event_bytes(const log_event* event, uint32_t max_bytes) noexcept
    uint64_t log_write_event(shared_log* log, uint32_t writer, const log_event* event, log_record record) noexcept
    bint log_find_event(const uint8_t* at, size_t left, log_event* event) noexcept
    bint log_is_whole(const shared_log* log, const log_record* record, uint32_t writer) noexcept


cdef inline const uint8_t* utf8(str text, size_t* size) except NULL:
    """The bytes that a text has and keeps."""
    cdef Py_ssize_t length
    cdef const char* found = PyUnicode_AsUTF8AndSize(text, &length)
    size[0] = <size_t>length
    return <const uint8_t*>found


@cython.final
cdef class EventChannels:
    cdef:
        dict _channels  # app, 0xff and name in UTF-8 -> the key that was added
        object _make
        bytes _epoch
        readonly uint64_t taken, invalid

    cdef object take(self, const shared_log* log, const log_record* record, uint32_t writer, const uint8_t* at,
                     uint64_t position, bint is_for_all, bint* is_whole)
