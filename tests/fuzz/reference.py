"""RFC 6455 section 5 once more, the slow and plain way: what the frames target compares with.

Reads from the whole stream, so nothing has to be remembered between pieces; and decides in the order of the bytes.
"""

from __future__ import annotations

import codecs

CONTINUATION, TEXT, CLOSE, PONG = 0, 1, 8, 10


class Refused(Exception):
    """The close code that the peer has earned."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def read(
    stream: bytes, *, max_message: int, max_frame: int, max_fragments: int
) -> tuple[list[tuple[int, bytes]], int | None]:
    """Messages and control frames up to the first fault, and its close code."""
    messages: list[tuple[int, bytes]] = []
    opened, parts, declared, fragments = 0, b"", 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = 0
    try:
        while len(stream) - at >= 2:
            opcode, final = stream[at] & 0x0F, stream[at] >= 0x80
            short = stream[at + 1] & 0x7F
            if stream[at] & 0x70 or opcode not in (0, 1, 2, 8, 9, 10) or stream[at + 1] < 0x80:
                raise Refused(1002)
            if opcode >= CLOSE and (not final or short > 125):
                raise Refused(1002)
            if opcode < CLOSE and (opcode == CONTINUATION) != (opened != 0):
                raise Refused(1002)
            extended = {126: 2, 127: 8}.get(short, 0)
            if len(stream) - at < 2 + extended:
                break
            length = int.from_bytes(stream[at + 2 : at + 2 + extended], "big") if extended else short
            if extended and not {2: 126, 8: 65536}[extended] <= length < 1 << 63:
                raise Refused(1002)
            if opcode < CLOSE:
                if opcode != CONTINUATION:
                    declared = fragments = 0
                if length > max_frame or declared + length > max_message or fragments == max_fragments:
                    raise Refused(1009)
            start = at + 2 + extended + 4
            if len(stream) < start:
                break
            if opcode < CLOSE:
                declared, fragments = declared + length, fragments + 1
                if opcode != CONTINUATION:
                    opened, parts = opcode, b""
                    decoder.reset()
            key, end = stream[start - 4 : start], start + length
            payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(stream[start:end]))
            whole = len(stream) >= end
            if opcode < CLOSE:
                if opened == TEXT:
                    decoder.decode(payload, final and whole)
                    waiting = decoder.getstate()[0]
                    if waiting[:1] == b"\xed" and waiting[1:2] >= b"\xa0":
                        raise Refused(1007)  # a surrogate, for whose last byte Python waits
                parts += payload
            if not whole:
                break
            at = end
            if opcode >= CLOSE:
                messages.append((opcode, payload))
                if opcode == CLOSE:
                    break
            elif final:
                messages.append((opened, parts))
                opened = 0
    except Refused as refused:
        return messages, refused.code
    except UnicodeDecodeError:
        return messages, 1007
    return messages, None
