"""How a fuzzer's input says where the bytes in it are cut.

First a byte `n`, of which n % 16 sizes follow, one byte each, from 1 to 256; then the stream itself. It is cut into
pieces of those sizes, over and over; without a size it is one piece.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

MOST_SIZES = 16


def join(sizes: Iterable[int], stream: bytes) -> bytes:
    """The input that means `stream` in pieces of `sizes`: what `split` undoes."""
    sizes = list(sizes)
    return bytes([len(sizes), *(size - 1 for size in sizes)]) + stream


def split(data: bytes) -> tuple[bytes, list[bytes]]:
    """The stream, and the pieces that it comes in."""
    count = data[0] % MOST_SIZES if data else 0
    sizes = [byte + 1 for byte in data[1 : 1 + count]]
    stream = data[1 + count :]
    if not sizes:
        return stream, [stream]
    pieces: list[bytes] = []
    at = 0
    for size in cycle(sizes):
        if at >= len(stream):
            return stream, pieces
        pieces.append(stream[at : at + size])
        at += size
    raise AssertionError("a cycle does not end")
