"""Build the frames of a server: FIN set, unmasked, header and payload in one bytes object (RFC 6455 5.2)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy


def server_frame(int opcode, bytes payload not None, /):
    cdef size_t length = <size_t>PyBytes_GET_SIZE(payload)
    cdef size_t head = <size_t>(2 if length < 126 else 4 if length < 65536 else 10)
    cdef size_t i = 2
    if not (OP_TEXT <= opcode & ~RSV1 <= OP_BINARY or OP_CLOSE <= opcode <= OP_PONG):
        raise ValueError(f"opcode {opcode} does not start a frame of its own")
    if OP_CLOSE <= opcode <= OP_PONG and length > 125:
        raise ValueError("a control frame holds at most 125 bytes")
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(head + length))
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(frame)
    to[0] = 0x80 | <uint8_t>opcode
    to[1] = <uint8_t>(length if head == 2 else <size_t>126 if head == 4 else <size_t>127)
    while i < head:
        to[i] = <uint8_t>(length >> (8 * (head - 1 - i)))
        i += 1
    memcpy(to + head, PyBytes_AS_STRING(payload), length)
    return frame
