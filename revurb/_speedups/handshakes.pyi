def cut_handshake(data: bytes, takes_extensions: bool, /) -> tuple[str, str | None, bytes] | None:
    """Path, Origin field if there is one, and finished answer of the handshake that `data` is.

    None if it is not whole, if anything follows its head, or if it is not plain: GET of a target that starts with "/"
    and has no "#", HTTP/1.1, fields in visible ASCII, of which those of the handshake are there once, and no
    subprotocol, body or expectation. Nor is one with extensions plain, if the server `takes_extensions`.
    """
