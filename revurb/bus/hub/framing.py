"""Messages on a stream: four bytes of length, one of version, and the message."""

from __future__ import annotations

import struct

from revurb.bus.brokered.broker_messages import VERSION, FromBroker, FromWorker, encode

MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # the Hello of one worker with 100,000 members has 10 MB
_HEADER = struct.Struct(">IB")


class FramingError(Exception):
    """The stream cannot be read any further."""


def encode_frame(message: FromWorker | FromBroker) -> bytes:
    """The message as it is written to the stream."""
    body = encode(message)
    return _HEADER.pack(len(body) + 1, VERSION) + body


class MessageSplitter:
    """Cuts a stream into messages, whatever chunks it comes in. Messages of another version are skipped and counted
    (`other_versions`): during a rolling restart, old and new processes are connected with each other."""

    __slots__ = ("_incomplete", "other_versions")

    def __init__(self) -> None:
        self._incomplete = b""
        self.other_versions = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of the messages that are complete now. Raises FramingError for a length that is not allowed."""
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
