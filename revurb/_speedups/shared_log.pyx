"""A log in memory that processes share: written by all, read by all in one order.

Plan: `append` copies a record into the process's own ring and takes the next place with one compare-and-swap
(shared_log.h). `read` walks the places and copies out what this process wants: records of topics that it has added, with
flags that it asked for, or with its token as their target. Who has nothing to do sleeps, and is woken through a descriptor
of its own, at most once until it has looked.

Rule 1: the order of places is the order of the records, and the same for everyone.
Rule 2: what is in the log stays there whoever dies; until the places or the writer's ring have come round.
Rule 3: a reader that was lapped is told how many records it has missed at most.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.errno cimport ENOSPC
from libc.stdint cimport UINT16_MAX, int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset
from revurb._speedups.log_events cimport (
    LOG_EVENT, EventChannels, log_event, log_event_bytes, log_find_event, log_is_whole, log_topic, log_write_event, utf8
)

import os

cdef enum:
    LOOKED_AT = 4096  # places in one read, at most: 0.3 ms
    TAKEN_OVER = 64  # places of others before one that is taken


def topic_bucket(str app_id not None, str channel not None, /):
    cdef size_t app_bytes, channel_bytes
    cdef const uint8_t* app = utf8(app_id, &app_bytes)
    cdef const uint8_t* name = utf8(channel, &channel_bytes)
    return log_topic(app, app_bytes, name, channel_bytes)


cdef class SharedLog:
    def __cinit__(self, int fd, wake_fds not None, *, uint32_t slots=0, uint64_t places=0, uint64_t ring_bytes=0):
        cdef log_shape shape
        cdef int failure
        shape.magic, shape.slots, shape.places, shape.ring_bytes = LOG_MAGIC, slots, places, ring_bytes
        failure = log_open(&self._log, fd, shape)
        if failure:
            raise OSError(failure, os.strerror(failure), "the shared log")
        self._slot = -1
        self._wake_fds = <int*>PyMem_Calloc(self._log.shape.slots, sizeof(int))
        self._to_wake = <bint*>PyMem_Calloc(self._log.shape.slots, sizeof(bint))
        self._wanted = <uint16_t*>PyMem_Calloc(LOG_BUCKETS, sizeof(uint16_t))
        if self._wake_fds == NULL or self._to_wake == NULL or self._wanted == NULL:
            raise MemoryError
        if len(wake_fds) != <Py_ssize_t>self._log.shape.slots:
            raise ValueError(f"{len(wake_fds)} descriptors for {self._log.shape.slots} slots")
        for i, each in enumerate(wake_fds):
            self._wake_fds[<Py_ssize_t>i] = each

    def __dealloc__(self):
        log_close(&self._log)
        PyMem_Free(self._wake_fds)
        PyMem_Free(self._to_wake)
        PyMem_Free(self._wanted)

    @property
    def tail(self):
        return log_tail(&self._log)

    @property
    def max_record_bytes(self):
        return log_max_bytes(&self._log)

    @property
    def has_unread(self):
        cdef log_record record
        cdef uint32_t writer
        cdef const uint8_t* at
        self._own_slot()
        return log_peek(&self._log, <uint32_t>self._slot, self.cursor + 1, &record, &writer, &at) != LOG_END

    def attach(self, int32_t pid, uint16_t flags=0, *, bint wake=True):
        if self._slot >= 0:
            raise ValueError("the shared log is attached already")
        self._slot = log_attach(&self._log, pid, flags, not wake)
        if self._slot < 0:
            raise OSError(ENOSPC, f"all {self._log.shape.slots} slots of the shared log are taken")
        self.cursor = self._log.slots[self._slot].cursor
        self.token = self._log.slots[self._slot].token
        self._is_uncommitted = False
        memset(self._wanted, 0, LOG_BUCKETS * sizeof(uint16_t))
        self._log.topics = 0
        return self._slot

    def detach(self):
        if self._slot >= 0:
            log_detach(self._own_slot())
            self._slot = -1

    def free(self, int32_t pid):
        log_free(&self._log, pid)

    def add_topic(self, uint16_t bucket, /):
        self._own_slot().topics[bucket // 8] |= <uint8_t>(1 << bucket % 8)
        if not self._wanted[bucket]:
            self._log.topics += 1
        if self._wanted[bucket] < UINT16_MAX:
            self._wanted[bucket] += 1

    def remove_topic(self, uint16_t bucket, /):
        if self._wanted[bucket] == UINT16_MAX or not self._wanted[bucket]:
            return  # so many that they were not counted
        self._wanted[bucket] -= 1
        if not self._wanted[bucket]:
            self._log.topics -= 1
            self._own_slot().topics[bucket // 8] &= <uint8_t>~(1 << bucket % 8)

    cdef log_slot* _own_slot(self) except NULL:
        if self._slot < 0:
            raise ValueError("the shared log is not attached")
        return &self._log.slots[self._slot]

    def append(self, bytes data not None, uint16_t bucket, uint16_t flags=0, uint64_t target=0, uint64_t only=0):
        cdef size_t size = <size_t>PyBytes_GET_SIZE(data)
        self._own_slot()
        if flags & LOG_EVENT:
            raise ValueError(f"flag {LOG_EVENT:#x} is that of an event")
        if size > log_max_bytes(&self._log):
            raise ValueError(f"{size} bytes, a record of the shared log has at most {log_max_bytes(&self._log)}")
        self._written.length, self._written.bucket = <uint32_t>size, bucket
        self._written.flags, self._written.target = flags, target
        self._begins = log_write(&self._log, <uint32_t>self._slot, PyBytes_AS_STRING(data), self._written)
        return self._commit(only)

    def append_event(self, str app_id not None, str channel not None, bytes text not None, str except_socket_id=None,
                     uint64_t cache_ttl_s=0, uint16_t flags=0, kept=None, /):
        cdef log_event event
        cdef log_slot* slot = self._own_slot()
        event.app = utf8(app_id, &event.app_bytes)
        event.channel = utf8(channel, &event.channel_bytes)
        event.text, event.text_bytes = <const uint8_t*>PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text)
        event.except_id, event.except_bytes, event.cache_ttl_s = NULL, 0, cache_ttl_s
        event.is_kept = kept is not None
        if kept is not None:
            event.kept.size, event.kept.ttl_s, event.kept.app_bytes = kept
        if except_socket_id is not None:
            event.except_id = utf8(except_socket_id, &event.except_bytes)
        self._written.length = log_event_bytes(&event, log_max_bytes(&self._log))
        if not self._written.length:
            raise ValueError(f"{event.text_bytes} bytes and names, a record of the shared log has at most "
                             f"{log_max_bytes(&self._log)}")
        self._written.bucket = log_topic(event.app, event.app_bytes, event.channel, event.channel_bytes)
        self._written.flags, self._written.target = <uint16_t>(flags | LOG_EVENT), 0
        self._begins = log_write_event(&self._log, <uint32_t>self._slot, &event, self._written)
        self.wants_own = log_is_wanted(slot, &self._written)
        return self._commit(0)

    def append_again(self, uint64_t only):
        self._own_slot()
        if not self._is_uncommitted:
            raise ValueError("there is no record that got no place")
        return self._commit(only)

    cdef uint64_t _commit(self, uint64_t only) except? 0:
        cdef uint64_t position = log_commit(&self._log, <uint32_t>self._slot, self._begins, only)
        cdef uint32_t i
        self._is_uncommitted = not position
        if position:
            for i in range(log_used(&self._log)):
                if i != <uint32_t>self._slot and self._log.slots[i].pid > 0:
                    if log_is_wanted(&self._log.slots[i], &self._written):
                        self._to_wake[i] = True
                        self.has_to_wake = True
        return position

    def wake(self):
        cdef uint32_t i
        self.has_to_wake = False
        for i in range(log_used(&self._log)):
            if self._to_wake[i]:
                self._to_wake[i] = False
                log_notify(&self._log, i, self._wake_fds[i])

    def take(self, uint64_t position, /):
        cdef log_record record
        cdef uint32_t writer
        cdef const uint8_t* at
        cdef uint64_t last = self.cursor + TAKEN_OVER
        self._own_slot()
        while self.cursor + 1 < position and self.cursor < last:
            if log_peek(&self._log, <uint32_t>self._slot, self.cursor + 1, &record, &writer, &at) != LOG_SKIPPED:
                return False
            self.cursor += 1
        if self.cursor + 1 != position:
            return False
        self._pass(position)
        return True

    cdef int _pass(self, uint64_t position) except -1:
        self.cursor = position
        set_cursor(self._own_slot(), position)
        return 0

    def woken(self):
        log_woken(self._own_slot(), self._wake_fds[self._slot])

    def read(self, uint32_t max_records, uint64_t own=0, EventChannels channels=None):
        cdef log_record record
        cdef uint32_t writer
        cdef const uint8_t* at
        cdef uint64_t position = self.cursor, last = position + LOOKED_AT
        cdef log_answer answer
        cdef list records = []
        cdef log_slot* slot = self._own_slot()
        cdef bint is_whole
        while position < last and PyList_GET_SIZE(records) < <Py_ssize_t>max_records:
            answer = log_peek(&self._log, <uint32_t>self._slot, position + 1, &record, &writer, &at)
            if answer == LOG_END:
                break
            position += 1
            if answer == LOG_READ:
                if position == own:
                    records.append(None)
                elif record.flags & LOG_EVENT and channels is not None:
                    event = channels.take(&self._log, &record, writer, at, position, (slot.flags & record.flags) != 0,
                                          &is_whole)
                    if not is_whole:
                        self.missed += 1
                    if event is not None:
                        records.append(event)
                else:
                    data = PyBytes_FromStringAndSize(<const char*>at, record.length)
                    if log_is_whole(&self._log, &record, writer):
                        records.append(data)
                    else:
                        self.missed += 1
            elif answer == LOG_LAPPED:
                self.missed += 1
        self._pass(position)
        return records
