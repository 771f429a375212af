"""Client frames as bytes, right or wrong as asked for, and the ways in which bytes can be cut up."""

from __future__ import annotations

from collections.abc import Iterator

KEY = b"\x37\xfa\x21\x3d"  # RFC 6455 5.7


def masked(payload: bytes, key: bytes = KEY) -> bytes:
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool = True,
    key: bytes = KEY,
    length: int | None = None,
    length_bytes: int | None = None,
) -> bytes:
    """A frame as a client sends it. `length` declares another one than the payload's; `length_bytes` (0, 2 or 8)
    writes it in another form than the shortest."""
    declared = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if declared < 126 else 2 if declared < 65536 else 8
    short = {0: declared, 2: 126, 8: 127}[length_bytes]
    head = bytes([fin << 7 | rsv << 4 | opcode, mask << 7 | short])
    if length_bytes:
        head += declared.to_bytes(length_bytes, "big")
    return head + key + masked(payload, key) if mask else head + payload


def every_split(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and every cut in two."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
