cimport cython
from libc.stdint cimport uint8_t, uint64_t

from revurb._speedups.server_frames cimport (
    OP_BINARY, OP_CLOSE, OP_CONTINUATION, OP_PING, OP_PONG, OP_TEXT, RSV1,
)

cdef extern from "bytesops.h":
    ctypedef struct utf8_state:
        uint8_t missing, low, high

    void unmask(uint8_t* to, const uint8_t* from_, size_t count, const uint8_t* key, uint64_t offset) noexcept
    bint utf8_follow(utf8_state* state, const uint8_t* bytes, size_t count) noexcept

    ctypedef struct byte_store:
        uint8_t* bytes
        size_t size, capacity

    bint store_reserve(byte_store* store, size_t count, uint64_t expected) noexcept
    void store_drop(byte_store* store) noexcept

@cython.final
cdef class FrameReader:
    cdef:
        # Limits. A frame limit of -1 follows the message limit.
        Py_ssize_t _max_message, _max_frame, _max_fragments

        # The frame at hand. head_size is what its header takes, known after two bytes.
        uint64_t _length, _arrived
        uint8_t _head[14]
        uint8_t _head_have, _head_size, _opcode

        # The message at hand, if its opcode (with RSV1) is not 0; declared counts the payloads of its frames so far.
        uint8_t _message_opcode
        uint8_t _may_compress  # whether RSV1 has been negotiated; a byte that padding would take
        utf8_state _utf8
        bint _in_payload, _stopped
        uint64_t _declared
        Py_ssize_t _fragments

        byte_store _message
        byte_store _control

        int _failure_code
        const char* _failure_reason

    cdef int _cut(self, const uint8_t* at, size_t have, list whole) except -1
    cdef size_t _take_head(self, const uint8_t* at, size_t have) noexcept
    cdef bint _judge_start(self) noexcept
    cdef bint _judge_length(self) noexcept
    cdef void _begin_payload(self) noexcept
    cdef int _take_payload(self, const uint8_t* at, size_t count, list whole) except -1
    cdef bint _fail(self, int code, const char* reason) noexcept
