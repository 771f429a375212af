"""Cut WebSocket frames out of bytes (RFC 6455 section 5). Server side: they come masked.

Plan: `feed` alternates between a header, collected byte by byte and judged as soon as it can be, and a payload.
A frame that is whole in one chunk is unmasked straight into its bytes object. Anything else grows in a byte_store
as its bytes arrive, never ahead of them.

Rule 1: a length is 64 bits without sign until it has been compared. Limits are compared by subtraction.
Rule 2: limits are judged when the header is there, before a byte of the payload is kept.
Rule 3: faults are judged in the order of the bytes, so they do not depend on how the bytes were chunked.

A compressed message (RSV1, RFC 7692 section 6) is cut as it is. Its opcode carries COMPRESSED wherever it is kept or
handed out, and so is not TEXT: nothing here looks into it.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from revurb._speedups.server_frames import server_frame  # frames in, frames out: one import for both

CONTINUATION, TEXT, BINARY = OP_CONTINUATION, OP_TEXT, OP_BINARY
CLOSE, PING, PONG = OP_CLOSE, OP_PING, OP_PONG
COMPRESSED = RSV1

# RFC 6455 7.4.1
cdef enum:
    PROTOCOL_ERROR = 1002
    INVALID_PAYLOAD = 1007
    MESSAGE_TOO_BIG = 1009


@cython.final
cdef class FrameReader:
    """Frames and messages of one client, out of its bytes in any chunking.

    A message may hold `max_message_bytes` in `max_fragments` frames of `max_frame_bytes` each (None: as the message).
    It may be compressed if `compressed`: then it is handed out so, and the limits count what came.
    Raises ValueError for a limit below zero, or no frame at all.
    """

    def __init__(self, Py_ssize_t max_message_bytes, max_frame_bytes=None, Py_ssize_t max_fragments=1024, *,
                 bint compressed=False):
        self.max_message_bytes = max_message_bytes
        self._max_frame = -1 if max_frame_bytes is None else max_frame_bytes
        if self._max_frame < 0 and max_frame_bytes is not None:
            raise ValueError("max_frame_bytes is negative")
        if max_fragments < 1:
            raise ValueError("max_fragments is less than 1")
        self._max_fragments = max_fragments
        self._may_compress = <uint8_t>compressed

    def __dealloc__(self):
        store_drop(&self._message)
        store_drop(&self._control)

    def __sizeof__(self):
        return object.__sizeof__(self) + self._message.capacity + self._control.capacity

    @property
    def failure(self):
        """(close code, reason) once the peer broke the protocol or a limit; None before."""
        if self._failure_code == 0:
            return None
        return self._failure_code, self._failure_reason.decode("ascii")

    @property
    def at_rest(self):
        """Whether it holds nothing of its peer: it is between two messages, and has not stopped."""
        return not (self._in_payload or self._head_have or self._message_opcode or self._stopped)

    @property
    def max_message_bytes(self):
        """The limit may change at any time: it is asked when a header has arrived."""
        return self._max_message

    @max_message_bytes.setter
    def max_message_bytes(self, Py_ssize_t limit):
        if limit < 0:
            raise ValueError("max_message_bytes is negative")
        self._max_message = limit

    def feed(self, data, /):
        """Take bytes; give what they complete as (opcode, payload), in order: messages, PING, PONG, CLOSE.

        The opcode of a compressed message is COMPRESSED | TEXT or COMPRESSED | BINARY; its text is not looked into.

        Never raises for what the peer sent: look at `failure` afterwards. It is set at the first byte that breaks
        RFC 6455 section 5 (1002) or UTF-8 (1007), or at the end of a header that breaks a limit (1009). Behind that,
        and behind a CLOSE, all input is ignored. The payload of a CLOSE is not looked into.
        """
        cdef Py_buffer view
        cdef list whole = []
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self._cut(<const uint8_t*>view.buf, <size_t>view.len, whole)
        finally:
            PyBuffer_Release(&view)
        return whole

    cdef int _cut(self, const uint8_t* at, size_t have, list whole) except -1:
        cdef size_t count
        while not self._stopped:
            if not self._in_payload:
                count = self._take_head(at, have)
                at += count
                have -= count
                if not self._in_payload:
                    return 0  # the rest of the header is not here yet, or it was refused
            count = min(<uint64_t>have, self._length - self._arrived)
            self._take_payload(at, count, whole)
            at += count
            have -= count
            if self._in_payload:
                return 0
        return 0

    cdef size_t _take_head(self, const uint8_t* at, size_t have) noexcept:
        """Collect the header; how many bytes it took. Sets _in_payload once the header is whole and allowed."""
        cdef size_t used = 0
        while used < have:
            self._head[self._head_have] = at[used]
            self._head_have += 1
            used += 1
            if self._head_have == 2 and not self._judge_start():
                return used
            if self._head_have < 2:
                continue
            if self._head_have == self._head_size - 4 and not self._judge_length():
                return used
            if self._head_have == self._head_size:
                self._begin_payload()
                return used
        return used

    cdef bint _judge_start(self) noexcept:
        """The first two bytes: everything but the extended length. RFC 6455 5.2, 5.4, 5.5."""
        cdef uint8_t first = self._head[0], second = self._head[1]
        cdef uint8_t length = second & 0x7F
        self._opcode = first & 0x0F
        # RFC 7692 6.1: RSV1 is for the first frame of a data message.
        if first & 0x70 and not (self._may_compress and first & 0x7C == RSV1 and self._opcode != OP_CONTINUATION):
            return self._fail(PROTOCOL_ERROR, b"Reserved bit set")
        if self._opcode > OP_PONG or OP_BINARY < self._opcode < OP_CLOSE:
            return self._fail(PROTOCOL_ERROR, b"Unknown opcode")
        if not second & 0x80:
            return self._fail(PROTOCOL_ERROR, b"Frame is not masked")
        if self._opcode >= OP_CLOSE:
            if not first & 0x80:
                return self._fail(PROTOCOL_ERROR, b"Control frame is fragmented")
            if length > 125:
                return self._fail(PROTOCOL_ERROR, b"Control frame is longer than 125 bytes")
        elif self._opcode == OP_CONTINUATION:
            if self._message_opcode == 0:
                return self._fail(PROTOCOL_ERROR, b"Continuation without a message to continue")
        elif self._message_opcode != 0:
            return self._fail(PROTOCOL_ERROR, b"New message inside a fragmented one")
        self._head_size = <uint8_t>(6 + (2 if length == 126 else 8 if length == 127 else 0))
        return True

    cdef bint _judge_length(self) noexcept:
        """The length, now whole, against RFC 6455 5.2 and against the limits."""
        cdef uint64_t length = self._head[1] & 0x7F
        cdef int i, extra = self._head_size - 6
        if extra:
            length = 0
            for i in range(extra):
                length = (length << 8) | self._head[2 + i]
            if length >> 63:
                return self._fail(PROTOCOL_ERROR, b"Payload length has its top bit set")
            if length < (126 if extra == 2 else 65536):
                return self._fail(PROTOCOL_ERROR, b"Payload length is not in its shortest form")
        self._length = length
        if self._opcode >= OP_CLOSE:
            return True
        if self._opcode != OP_CONTINUATION:
            self._declared = 0
            self._fragments = 0
        cdef uint64_t most = <uint64_t>self._max_message
        # The limit may have been lowered below what the message has already: that leaves nothing, not less.
        cdef uint64_t left = most - self._declared if self._declared < most else 0
        if (length > left or (self._max_frame >= 0 and length > <uint64_t>self._max_frame)
                or self._fragments >= self._max_fragments):
            return self._fail(MESSAGE_TOO_BIG, b"Maximum message size exceeded")  # Reverb's words
        return True

    cdef void _begin_payload(self) noexcept:
        self._in_payload = True
        self._arrived = 0
        if self._opcode >= OP_CLOSE:
            return
        self._fragments += 1
        self._declared += self._length
        if self._opcode != OP_CONTINUATION:
            self._message_opcode = self._head[0] & 0x4F
            self._utf8.missing = 0

    cdef int _take_payload(self, const uint8_t* at, size_t count, list whole) except -1:
        """`count` payload bytes of the frame at hand, no more than it has. Clears _in_payload behind the last."""
        cdef const uint8_t* key = self._head + self._head_size - 4
        cdef bint control = self._opcode >= OP_CLOSE
        cdef bint last = count == self._length - self._arrived
        cdef bint ends = last and self._head[0] & 0x80
        cdef byte_store* store = &self._control if control else &self._message
        cdef int opcode = self._opcode if control else self._message_opcode
        cdef bytes payload = None
        cdef uint8_t* unmasked
        if ends and self._arrived == 0 and self._opcode != OP_CONTINUATION:
            payload = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>count)
            unmasked = <uint8_t*>PyBytes_AS_STRING(payload)
        else:
            if not store_reserve(store, count, self._length if control else self._declared):
                raise MemoryError
            unmasked = store.bytes + store.size
            store.size += count
        unmask(unmasked, at, count, key, self._arrived)
        if opcode == OP_TEXT and (not utf8_follow(&self._utf8, unmasked, count) or (ends and self._utf8.missing)):
            self._fail(INVALID_PAYLOAD, b"Text is not valid UTF-8")
            return 0
        self._arrived += count
        if not last:
            return 0
        self._in_payload = False
        self._head_have = 0
        if not ends:
            return 0
        if payload is None:
            payload = PyBytes_FromStringAndSize(<const char*>store.bytes, <Py_ssize_t>store.size)
            store_drop(store)
        if not control:
            self._message_opcode = 0
        elif opcode == OP_CLOSE:
            self._stopped = True  # RFC 6455 5.5.1: nothing counts behind it
            store_drop(&self._message)
        whole.append((opcode, payload))
        return 0

    cdef bint _fail(self, int code, const char* reason) noexcept:
        """Give up on the peer. Returns False, for the caller to return."""
        self._failure_code, self._failure_reason = code, reason
        self._stopped = True
        self._in_payload = False
        store_drop(&self._message)
        store_drop(&self._control)
        return False
