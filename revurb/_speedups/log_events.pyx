"""The events in a log that processes share: whose they are, and what is made of them.

Plan: an event is found in the log by the bytes of its app and channel, which are looked up as they are: who wants the
channel has its names already, so that none are made. Of an event that nobody wants here, nothing more is copied.

Rule 1: what is in the log is garbage until it was copied and `log_is_whole` has said so. Only then it is decoded.
Rule 2: no part is outside of its record, whatever is written there (log_events.h).
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject


cdef class EventChannels:
    def __cinit__(self, make not None, bytes epoch not None=b""):
        self._channels = {}
        self._make = make
        self._epoch = epoch

    def __contains__(self, tuple key not None):
        return _name_of(key) in self._channels

    def __len__(self):
        return len(self._channels)

    def add(self, tuple key not None, /):
        cdef bytes name = _name_of(key)
        if name in self._channels:
            return False
        self._channels[name] = key
        return True

    def remove(self, tuple key not None, /):
        return self._channels.pop(_name_of(key), None) is not None

    cdef object take(self, const shared_log* log, const log_record* record, uint32_t writer, const uint8_t* at,
                     uint64_t position, bint is_for_all, bint* is_whole):
        """The event in the record at a position. None if nobody wants it here, if it is none, which is counted, or if not
        `is_whole`."""
        cdef log_event event
        cdef bytes name, text, except_id = None
        cdef PyObject* found
        if not log_find_event(at, record.length, &event):
            is_whole[0] = log_is_whole(log, record, writer)
            if is_whole[0]:
                self.invalid += 1
            return None
        name = _copied(event.app, event.app_bytes + 1 + event.channel_bytes)
        found = PyDict_GetItemWithError(self._channels, name)
        if found == NULL and not is_for_all:
            is_whole[0] = log_is_whole(log, record, writer)
            return None
        text = _copied(event.text, event.text_bytes)
        if event.except_id != NULL:
            except_id = _copied(event.except_id, event.except_bytes)
        is_whole[0] = log_is_whole(log, record, writer)
        if not is_whole[0]:
            return None
        try:
            if found == NULL:
                app_id = name[:<Py_ssize_t>event.app_bytes].decode()
                channel = name[<Py_ssize_t>event.app_bytes + 1:].decode()
            else:
                app_id, channel = <tuple>found
            except_socket_id = None if except_id is None else except_id.decode()
        except UnicodeDecodeError:
            self.invalid += 1
            return None
        self.taken += 1
        if not event.is_kept:
            return self._make(app_id, channel, text, except_socket_id, event.cache_ttl_s)
        bounds = (event.kept.size, event.kept.ttl_s, event.kept.app_bytes)
        return self._make(app_id, channel, self.placed(text, position), except_socket_id, event.cache_ttl_s, bounds,
                          position)

    def placed(self, bytes text not None, uint64_t position, /):
        return b'%b,"id":"%b-%d"}' % (text[:-1], self._epoch, position)


cdef bytes _copied(const uint8_t* at, size_t size):
    return PyBytes_FromStringAndSize(<const char*>at, <Py_ssize_t>size)


cdef bytes _name_of(tuple key):
    """App, 0xff and channel, as they are side by side in the log."""
    app_id, channel = key
    return (<str?>app_id).encode() + b"\xff" + (<str?>channel).encode()
