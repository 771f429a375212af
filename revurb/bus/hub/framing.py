"""Messages on a stream: four bytes of length, one of version, and the message."""

from __future__ import annotations

import struct

from revurb.bus.brokered.broker_messages import VERSION, FromBroker, FromWorker, encode

MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # a worker's whole `Hello`: 100,000 members are 10 MB
_HEADER = struct.Struct(">IB")


class FramingError(Exception):
    """The stream cannot be followed any further."""


def encode_frame(message: FromWorker | FromBroker) -> bytes:
    body = encode(message)
    return _HEADER.pack(len(body) + 1, VERSION) + body


class MessageSplitter:
    """Cuts messages out of a stream, whatever its chunks. `foreign` counts those of another version, which are
    skipped: during a rolling restart old and new speak to each other."""

    __slots__ = ("_incomplete", "other_versions")

    def __init__(self) -> None:
        self._incomplete = b""
        self.other_versions = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of the messages that are whole now. Raises FramingError for a length that is not to be."""
        if self._incomplete:
            data = self._incomplete + data
        bodies: list[bytes] = []
        offset, have = 0, len(data)
        while have - offset >= _HEADER.size:
            length, version = _HEADER.unpack_from(data, offset)
            if not 1 <= length <= MAX_MESSAGE_BYTES:
                raise FramingError(f"a message of {length} bytes; 1 to {MAX_MESSAGE_BYTES} are allowed")
            end = offset + 4 + length
            if end > have:
                break
            if version == VERSION:
                bodies.append(data[offset + _HEADER.size : end])
            else:
                self.other_versions += 1
            offset = end
        self._incomplete = data[offset:] if offset < have else b""
        return bodies
