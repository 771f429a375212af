cimport cython
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from revurb._speedups.log_events cimport EventChannels, log_record, log_shape, log_slot, shared_log

cdef extern from "shared_log.h" nogil:
    enum: LOG_BUCKETS
    const uint64_t LOG_MAGIC

    ctypedef enum log_answer "enum log_answer":
        LOG_READ, LOG_SKIPPED, LOG_END, LOG_LAPPED

    int log_open(shared_log* log, int fd, log_shape shape) noexcept
    void log_close(shared_log* log) noexcept
    uint32_t log_max_bytes(const shared_log* log) noexcept
    uint32_t log_used(const shared_log* log) noexcept
    uint64_t log_tail(const shared_log* log) noexcept
    uint64_t log_write(shared_log* log, uint32_t writer, const void* bytes, log_record record) noexcept
    uint64_t log_commit(shared_log* log, uint32_t writer, uint64_t begins, uint64_t only) noexcept
    bint log_is_wanted(const log_slot* slot, const log_record* record) noexcept
    log_answer log_peek(const shared_log* log, uint32_t reader, uint64_t position, log_record* record, uint32_t* writer,
                        const uint8_t** at) noexcept
    int log_attach(shared_log* log, int32_t pid, uint32_t flags, uint32_t notified) noexcept
    void log_detach(log_slot* slot) noexcept
    void log_free(shared_log* log, int32_t pid) noexcept
    void log_notify(shared_log* log, uint32_t reader, int fd) noexcept
    void set_cursor(log_slot* slot, uint64_t position) noexcept
    void log_woken(log_slot* slot, int fd) noexcept


@cython.final
cdef class SharedLog:
    cdef:
        shared_log _log
        int _slot
        log_record _written
        uint64_t _begins
        bint _is_uncommitted
        int* _wake_fds
        bint* _to_wake
        uint16_t* _wanted
        readonly bint has_to_wake, wants_own
        readonly uint64_t cursor, token, missed

    cdef log_slot* _own_slot(self) except NULL
    cdef uint64_t _commit(self, uint64_t only) except? 0
    cdef int _pass(self, uint64_t position) except -1
