"""An event on its way through Redis: MessagePack with a version, behind the stream id that Redis gave it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from revurb.pusher.ports import DeliverableEvent

VERSION = 1


class Envelope(msgspec.Struct, array_like=True, gc=False):
    """`node` published the event as its number `seq`; "" and 0 for the events of Redis' scripts. Wire format: the order
    and types of the fields."""

    version: int
    node: str
    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None = None


class StreamId(NamedTuple):
    """A stream id: the ms of Redis' clock, and a number within that ms. Ordered within a partition."""

    ms: int
    number: int

    def after(self) -> StreamId:
        """The smallest id that is larger."""
        return StreamId(self.ms, self.number + 1)


START = StreamId(0, 0)

# What decoding bytes of others may raise. Text that is not UTF-8 is a UnicodeDecodeError, which is a ValueError.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

_new_tuple = tuple.__new__
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Envelope).decode


def pack(node: str, seq: int, event: DeliverableEvent) -> bytes:
    """The event as it is published. `node` and `seq` are "" and 0 for the events of Redis' scripts."""
    return _encode(
        Envelope(VERSION, node, seq, event.app_id, event.channel, event.text, event.except_socket_id)
    )


def pack_around(node: str, seq: int, event: DeliverableEvent) -> tuple[bytes, bytes]:
    """What is before and after the text in the envelope of an event to which Redis gives a position."""
    before = _encode((VERSION, node, seq, event.app_id, event.channel))
    return _SEVEN_FIELDS + before[1:], _encode(event.except_socket_id)


_SEVEN_FIELDS = b"\x97"


def unpack(data: bytes) -> Envelope:
    """Raises ValueError for data that is not an envelope, or one of another version."""
    try:
        envelope = _decode(data)
    except UNREADABLE as error:
        raise ValueError(str(error)) from error
    if envelope.version != VERSION:
        raise ValueError(f"version {envelope.version}")
    return envelope


def packed_topic(app_id: str, channel: str) -> bytes:
    """The bytes of an envelope that say what channel it is for."""
    return _encode(app_id) + _encode(channel)


def parse_stream_id(stream_id: bytes) -> StreamId:
    """Raises ValueError for data that is not a stream id."""
    ms, _, number = stream_id.partition(b"-")
    if not (ms.isdigit() and number.isdigit()):
        raise ValueError(f"not a position in a stream: {stream_id[:50]!r}")
    return _new_tuple(StreamId, (int(ms), int(number)))  # for every event: 0.1 us less than calling StreamId
