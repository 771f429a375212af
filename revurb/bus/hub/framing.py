"""Messages on a stream: four bytes of length, one of version, and the message."""

from __future__ import annotations

import struct

from revurb.bus.brokered.broker_messages import VERSION, FromBroker, FromWorker, encode

MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # a worker's whole `Hello`: 100,000 members are 10 MB
_HEAD = struct.Struct(">IB")


class FramingError(Exception):
    """The stream cannot be followed any further."""


def pack(message: FromWorker | FromBroker) -> bytes:
    body = encode(message)
    return _HEAD.pack(len(body) + 1, VERSION) + body


class Unpacker:
    """Cuts messages out of a stream, whatever its chunks. `foreign` counts those of another version, which are
    skipped: during a rolling restart old and new speak to each other."""

    __slots__ = ("_rest", "foreign")

    def __init__(self) -> None:
        self._rest = b""
        self.foreign = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of the messages that are whole now. Raises FramingError for a length that is not to be."""
        if self._rest:
            data = self._rest + data
        whole: list[bytes] = []
        at, have = 0, len(data)
        while have - at >= _HEAD.size:
            length, version = _HEAD.unpack_from(data, at)
            if not 1 <= length <= MAX_MESSAGE_BYTES:
                raise FramingError(f"a message of {length} bytes; 1 to {MAX_MESSAGE_BYTES} are allowed")
            end = at + 4 + length
            if end > have:
                break
            if version == VERSION:
                whole.append(data[at + _HEAD.size : end])
            else:
                self.foreign += 1
            at = end
        self._rest = data[at:] if at < have else b""
        return whole
