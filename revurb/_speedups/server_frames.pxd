# RFC 6455 5.2: the opcodes, and the reserved bit that RFC 7692 takes, where they are in a frame's first byte.
cdef enum:
    OP_CONTINUATION = 0
    OP_TEXT = 1
    OP_BINARY = 2
    OP_CLOSE = 8
    OP_PING = 9
    OP_PONG = 10
    RSV1 = 0x40
