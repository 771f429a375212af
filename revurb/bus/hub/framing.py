"""Messages on a stream: four bytes of length, one of version, and the message."""

from __future__ import annotations

import struct

from revurb.bus.brokered.broker_messages import VERSION, FromBroker, FromWorker, encode

MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # the members of one channel, or an event and its channel
_HEADER = struct.Struct(">IB")


class FramingError(Exception):
    """The stream cannot be read any further."""


def encode_frame(message: FromWorker | FromBroker) -> bytes:
    """The message as it is written to the stream."""
    return framed(encode(message))


def framed(body: bytes) -> bytes:
    """An encoded message, of less than MAX_MESSAGE_BYTES, as it is written to the stream."""
    return _HEADER.pack(len(body) + 1, VERSION) + body


def body_of(frame: bytes) -> bytes:
    """The encoded message of a frame."""
    return frame[_HEADER.size :]


class MessageSplitter:
    """Cuts a stream into messages, whatever chunks it comes in, in linear time. Messages of another version are skipped
    and counted (`other_versions`): during a rolling restart, old and new processes are connected with each other."""

    __slots__ = ("_chunks", "_have", "_wanted", "other_versions")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []  # of the message that is not complete
        self._have = 0  # bytes of them
        self._wanted = 0  # without so many bytes there is nothing to be done
        self.other_versions = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of the messages that are complete now. Raises FramingError for a length that is not allowed."""
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._wanted:
                return []
            data = b"".join(self._chunks)
            self._chunks = []
        bodies: list[bytes] = []
        offset, have = 0, len(data)
        self._wanted = _HEADER.size
        while have - offset >= _HEADER.size:
            length, version = _HEADER.unpack_from(data, offset)
            if not 1 <= length <= MAX_MESSAGE_BYTES:
                raise FramingError(f"a message of {length} bytes; 1 to {MAX_MESSAGE_BYTES} are allowed")
            end = offset + 4 + length
            if end > have:
                self._wanted = 4 + length
                break
            if version == VERSION:
                bodies.append(data[offset + _HEADER.size : end])
            else:
                self.other_versions += 1
            offset = end
        if offset < have:
            self._chunks.append(data[offset:])
            self._have = have - offset
        return bodies
