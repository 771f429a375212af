def server_frame(opcode: int, payload: bytes, /) -> bytes:
    """A whole frame. `COMPRESSED | TEXT` and `COMPRESSED | BINARY` set RSV1: the payload is a deflated message.

    Raises ValueError for CONTINUATION, an unknown opcode, or a control frame of more than 125 bytes.
    """
