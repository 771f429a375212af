"""One frame to many sockets: queued at once, sent with one system call per socket and loop turn.

Plan: `deliver` appends a reference to the shared frame to each outbox and lists the outbox as one to flush. Once per
loop turn `Fanout.flush` walks the lists and gives each socket everything that waits for it in one send or sendmsg,
straight to its descriptor. So k events in a turn cost one system call per subscriber, not k, and no bytes are copied.

There are two lanes. What is sent to one connection, or delivered to few, is flushed ahead of what large deliveries have
sent, however many outboxes those have listed; the rest of the budget, and a quarter of it in any case, is theirs.

Outboxes that negotiated compression have a packer, which makes their frame of the plain one. `deliver` asks each
packer once: those that share one share its frame as well.

Going round the transport is allowed only while it has nothing of its own to send, there is no TLS, and the connection
is not lost. The owner knows the last two. The first is checked only after the kernel has once refused bytes.

What waits is counted as it enters an outbox; `Fanout.is_full` says whether that and what the transports hold are more
than the limit for all together. Nothing is dropped for it here: whoever causes the sending has to stop.

Rule 1: an outbox sends in the order of its `send` calls, whatever way each frame goes.
Rule 2: `deliver` calls no Python while it walks the subscribers, so the dict cannot change meanwhile.
Rule 3: the descriptor is the transport's. `detach` comes before the transport closes it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject
from libc.stdint cimport SIZE_MAX, UINT32_MAX, uint8_t
from revurb._speedups.tally cimport Tally

cdef enum:
    BOXES_BETWEEN_CLOCKS = 32  # looking at the clock takes 50 ns, a send 4 us
    FEW = 64  # subscribers: sending to them takes 0.2 ms
    LONG_BYTES = 65536  # in an outbox: sending more in one system call is no cheaper for each byte

FLUSH_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


cdef class Fanout:
    def __cinit__(self, wake not None, size_t limit_bytes=SIZE_MAX):
        self._limit_bytes = limit_bytes
        self._urgent = []
        self._bulk = []
        self._wake = wake
        self.flush_times = Tally(FLUSH_BOUNDS_S)

    @property
    def is_full(self):
        return self.transport_bytes > self._limit_bytes or self.queued_bytes > self._limit_bytes - self.transport_bytes

    cdef int _add(self, Outbox box, Lane lane) except -1:
        box._lanes |= <uint8_t>lane
        (<list>(self._urgent if lane == URGENT else self._bulk)).append(box)
        if not self._woken:
            self._woken = True
            self._wake()
        return 0

    def flush(self, double budget_s):
        cdef long long start = monotonic_ns(), budget = <long long>(budget_s * 1e9)
        self.has_long_outbox = False
        try:
            self._flush_list(self._urgent, URGENT, start + budget)
            self._flush_list(self._bulk, BULK, max(start + budget, monotonic_ns() + budget // 4))
        finally:
            self._woken = len(self._urgent) > 0 or len(self._bulk) > 0
        self.flush_times.note(<double>(monotonic_ns() - start) * 1e-9)
        return self._woken

    cdef int _flush_list(self, list boxes, Lane lane, long long end) except -1:
        cdef Py_ssize_t done = 0
        cdef Outbox box
        try:
            # The list grows behind us if a box calls its owner and that sends something.
            while done < len(boxes):
                box = <Outbox>boxes[done]
                done += 1
                box._lanes &= <uint8_t>~lane
                box._flush()
                if done % BOXES_BETWEEN_CLOCKS == 0 and monotonic_ns() > end:
                    break
        finally:
            del boxes[:done]
        return 0


cdef class Outbox:
    def __cinit__(self, *args, **kwargs):
        self._fd = -1
        self._way = GONE
        self._waiting = None

    def attach(self, Fanout fanout not None, int fd, pack=None, bint is_empty=False):
        self._fanout, self._pack, self._fd = fanout, pack, fd
        self._way = <uint8_t>(INDIRECT if fd < 0 else DIRECT if is_empty else ASK)

    def detach(self):
        self._detach()

    cdef int _detach(self) except -1:
        self._way = GONE
        self._fd = -1
        if self._waiting is not None:
            self._waiting = None
            self._fanout.queued_bytes -= self._queued_bytes
            self._queued_bytes = 0
        self._pack = None
        return 0

    def send(self, bytes frame not None, /):
        if self._pack is not None and not self._is_shut:
            frame = _packed(self._pack, frame)
        if self._put(frame, URGENT):
            self.reply_bytes = <unsigned int>min(<size_t>UINT32_MAX, self.reply_bytes + <size_t>PyBytes_GET_SIZE(frame))

    def shut(self):
        self._is_shut = True

    def flush(self):
        self._flush()

    def transport_is_empty(self):
        raise NotImplementedError

    def write_to_transport(self, list frames not None, /):
        raise NotImplementedError

    cdef int _put(self, bytes frame, Lane lane) except -1:
        """Queue a frame: 1; 0 if nothing is sent on it any more."""
        cdef size_t size = <size_t>PyBytes_GET_SIZE(frame)
        if self._way == GONE or self._is_shut:
            return 0
        self._queued_bytes += size
        self._fanout.queued_bytes += size
        self._fanout.frames_total += 1
        if self._queued_bytes > LONG_BYTES:
            self._fanout.has_long_outbox = True
        if self._waiting is None:
            self._waiting = frame
        elif type(self._waiting) is list:
            (<list>self._waiting).append(frame)
        else:
            self._waiting = [self._waiting, frame]
        # Whoever is in the urgent list is flushed soon enough, with all that waits, in order.
        if not self._lanes & (lane | URGENT):
            self._fanout._add(self, lane)
        return 1

    cdef int _flush(self) except -1:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return 0
        self._fanout.sent_bytes_total += self._queued_bytes
        self._fanout.queued_bytes -= self._queued_bytes
        self._queued_bytes = 0
        if self._way == ASK and self.transport_is_empty():
            self._way = DIRECT
        if self._way == DIRECT:
            return self._send_directly(waiting)
        self.write_to_transport(waiting if type(waiting) is list else [waiting])
        return 0

    cdef int _send_directly(self, object waiting) except -1:
        """Give the kernel what waits; what it does not take goes to the transport, with all that comes after."""
        cdef iovec parts[FRAMES_PER_CALL]
        cdef list frames = <list>waiting if type(waiting) is list else None
        cdef Py_ssize_t total = 1 if frames is None else len(frames), first = 0, i
        cdef int count
        cdef size_t size, expected
        cdef ssize_t sent
        cdef bytes frame
        while first < total:
            expected = 0
            count = <int>min(total - first, <Py_ssize_t>FRAMES_PER_CALL)
            for i in range(count):
                # Borrowed pointers: `waiting` holds the frames until this returns.
                frame = <bytes>waiting if frames is None else <bytes>frames[first + i]
                size = <size_t>PyBytes_GET_SIZE(frame)
                parts[i].iov_base = PyBytes_AS_STRING(frame)
                parts[i].iov_len = size
                expected += size
            sent = send_frames(self._fd, parts, count)
            if sent < 0:
                self._detach()  # broken: the transport will notice and tell its protocol
                return 0
            if <size_t>sent < expected:
                self._hand_over(waiting if frames is not None else [waiting], first, sent)
                return 0
            first += count
        self.reply_bytes = 0
        return 0

    def _hand_over(self, list frames not None, Py_ssize_t first, size_t sent):
        """Leave the rest to the transport: frames from `first` on, without the `sent` bytes the kernel took."""
        while sent >= <size_t>PyBytes_GET_SIZE(<bytes>frames[first]):
            sent -= <size_t>PyBytes_GET_SIZE(<bytes>frames[first])
            first += 1
        rest = frames[first:]
        if sent:
            rest[0] = memoryview(rest[0])[<Py_ssize_t>sent:]
        self._way = ASK
        self.write_to_transport(rest)


def deliver(dict subscribers not None, bytes frame not None, skip=None, /):
    cdef PyObject* key
    cdef Py_ssize_t position = 0, count = 0
    cdef list others = None, packing = None
    cdef Lane lane = BULK if len(subscribers) > FEW else URGENT
    while PyDict_Next(subscribers, &position, &key, NULL):
        if key == <PyObject*>skip:
            continue
        count += 1
        if not isinstance(<object>key, Outbox):
            if others is None:
                others = []
            others.append(<object>key)
        elif (<Outbox>key)._pack is None:
            (<Outbox>key)._put(frame, lane)
        else:
            if packing is None:
                packing = []
            packing.append(<object>key)
    if packing is not None:
        _deliver_packed(packing, frame, lane)
    if others is not None:
        for outlet in others:
            outlet.send(frame)
    return count


cdef bytes _packed(pack, bytes frame):
    """What `pack` makes of the frame. Its word is checked: what an outbox holds is bytes."""
    made = pack(frame)
    if type(made) is not bytes:
        raise TypeError(f"a packer gives bytes, not {type(made).__name__}")
    return <bytes>made


cdef int _deliver_packed(list boxes, bytes frame, Lane lane) except -1:
    cdef dict packed = {}  # packer -> what it made of the frame
    cdef Outbox box
    for box in boxes:
        pack = box._pack
        if pack is None or box._is_shut:
            continue  # nothing more is sent on it
        made = packed.get(pack)
        if made is None:
            made = packed[pack] = _packed(pack, frame)
        box._put(made, lane)
    return 0
