"""permessage-deflate (RFC 7692): what is agreed in the handshake, and messages in and out of DEFLATE.

    shared       no context takeover either way. A connection keeps nothing, and the frame of one event is the same for
                 all: packed once, by a compressor that forgets what it saw at the end of each message.
    dedicated    context takeover both ways, as far as the client agrees. Each connection keeps two windows.

Rule 1: of several offers the first that can be kept is taken; one with a fault is passed over (section 5.1, 7.1).
Rule 2: what comes is inflated up to the limit and one byte, never further.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from revurb._speedups.frames import BINARY, COMPRESSED, TEXT, server_frame
from revurb.wire.close import INVALID_PAYLOAD, MESSAGE_TOO_BIG

if TYPE_CHECKING:
    from revurb.wire.extensions import Extension

Mode = Literal["off", "shared", "dedicated"]
Pack = Callable[[bytes], bytes]
"""Gives the frame to send for a whole, unmasked frame: its compressed form, or itself."""

NAME = "permessage-deflate"
# For windows of our own choice: 16 KiB to compress and 4 KiB to inflate, where 32 KiB would take 256 and 32.
DEDICATED_BITS, DEDICATED_MEM_LEVEL = 12, 5
SHARED_MEM_LEVEL = 8  # zlib's default: 256 KiB, once for a node
_BITS = re.compile(r"[89]|1[0-5]")  # RFC 7692 7.1.2: no leading zero
_LEAST_BITS = 9  # zlib cannot compress raw DEFLATE with 8; it could write windows of 9 only
_TAIL = b"\x00\x00\xff\xff"  # RFC 7692 7.2.1: the end of a flushed block, left out of each message
_END = b"\x03\x00"  # an empty last block: where none has been cut off, the stream ends exactly behind it
_TAIL_AND_END = _TAIL + _END
_MOST_LAST_BLOCKS = 16  # of a message (7.2.3.4): each costs a new inflater
_PACKABLE = (0x80 | TEXT, 0x80 | BINARY)  # first bytes: not control frames, not what is compressed already


class InflateError(Exception):
    """A message that cannot be inflated: the close code to fail the connection with, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Inflater(Protocol):
    def inflate(self, payload: bytes, limit: int) -> bytes:
        """The message out of its frames' payloads, at most `limit` bytes. Raises InflateError, 1007 or 1009.

        Nothing is nothing: some compressors flush so, where 7.2.3.6 has one zero byte.
        """


class NegotiatedCompression(NamedTuple):
    """What was negotiated for one connection: the answer's field value, and both directions."""

    answer: str
    pack: Pack
    inflater: Inflater


class DeflateParameters(NamedTuple):
    """An offer's parameters (RFC 7692 7.1). `client_bits` is 15 where the client leaves the choice to us, None where
    it may not be in the answer."""

    server_forgets: bool = False
    client_forgets: bool = False
    server_bits: int = 15
    client_bits: int | None = None


class Compression:
    """What a node agrees to. `min_size_bytes` is the smallest message that is sent compressed.

    Raises ValueError for another mode, or a size below 1.
    """

    def __init__(self, mode: Literal["shared", "dedicated"], min_size_bytes: int = 512) -> None:
        if mode not in ("shared", "dedicated"):
            raise ValueError(f"compression must be off, shared or dedicated, not {mode!r}")
        if min_size_bytes < 1:
            raise ValueError("min_size_bytes is less than 1")
        self._shared = mode == "shared"
        self._min_size = min_size_bytes
        self._inflater = MessageInflater()
        self._agreements: dict[
            int, NegotiatedCompression
        ] = {}  # by our window's bits: a client may ask for fewer

    def negotiate(self, offers: Iterable[Extension]) -> NegotiatedCompression | None:
        """Take up the first offer that can be kept; None if there is none."""
        for offer in offers:
            asked = read_offer(offer) if offer.name == NAME else None
            if asked is not None:
                return self._agree(asked.server_bits) if self._shared else self._agree_dedicated(asked)
        return None

    def _agree(self, bits: int) -> NegotiatedCompression:
        """Without context takeover: one for all connections."""
        found = self._agreements.get(bits)
        if found is None:
            answer = _answer(server_forgets=True, client_forgets=True, server_bits=bits)
            found = NegotiatedCompression(answer, SharedPacker(self._min_size, bits), self._inflater)
            self._agreements[bits] = found
        return found

    def _agree_dedicated(self, asked: DeflateParameters) -> NegotiatedCompression:
        server_bits = asked.server_bits if asked.server_forgets else min(asked.server_bits, DEDICATED_BITS)
        client_bits = None if asked.client_bits is None else min(asked.client_bits, DEDICATED_BITS)
        return NegotiatedCompression(
            _answer(asked.server_forgets, asked.client_forgets, server_bits, client_bits),
            self._agree(server_bits).pack
            if asked.server_forgets
            else WindowPacker(self._min_size, server_bits),
            self._inflater if asked.client_forgets else WindowInflater(client_bits or 15),
        )


def _answer(
    server_forgets: bool, client_forgets: bool, server_bits: int, client_bits: int | None = None
) -> str:
    answer = NAME
    if server_forgets:
        answer += "; server_no_context_takeover"
    if client_forgets:
        answer += "; client_no_context_takeover"
    if server_bits < 15:
        answer += f"; server_max_window_bits={server_bits}"
    if client_bits is not None:
        answer += f"; client_max_window_bits={client_bits}"
    return answer


def read_offer(offer: Extension) -> DeflateParameters | None:
    """The parameters of an offer; None for one that has to be declined: RFC 7692 7.1, or a window of 8 bits."""
    found = DeflateParameters()
    seen = set()
    for name, value in offer.parameters:
        if name in seen:
            return None
        seen.add(name)
        if name == "server_no_context_takeover" and value is None:
            found = found._replace(server_forgets=True)
        elif name == "client_no_context_takeover" and value is None:
            found = found._replace(client_forgets=True)
        elif name == "client_max_window_bits" and value is None:
            found = found._replace(client_bits=15)
        elif value is None or not _BITS.fullmatch(value):
            return None
        elif name == "client_max_window_bits":
            found = found._replace(client_bits=int(value))
        elif name == "server_max_window_bits" and int(value) >= _LEAST_BITS:
            found = found._replace(server_bits=int(value))
        else:
            return None
    return found


class _MessageCompressor:
    """Compresses messages. Passes on what is smaller than `min_size_bytes`, and what is no message: control frames, the
    handshake's answer."""

    __slots__ = ("_bits", "_min_size", "_stream")

    def __init__(self, min_size_bytes: int, bits: int) -> None:
        self._min_size = min_size_bytes
        self._bits = bits
        self._stream: zlib._Compress | None = None  # made for the first message

    def _message(self, frame: bytes) -> memoryview | None:
        if len(frame) <= self._min_size or frame[0] not in _PACKABLE:
            return None
        message = memoryview(frame)[{126: 4, 127: 10}.get(frame[1], 2) :]
        return message if len(message) >= self._min_size else None

    def _compress(self, message: memoryview, mem_level: int, flush: int) -> bytes:
        if self._stream is None:
            self._stream = zlib.compressobj(wbits=-self._bits, memLevel=mem_level)
        return b"".join((self._stream.compress(message), self._stream.flush(flush)))[: -len(_TAIL)]


class SharedPacker(_MessageCompressor):
    """Packs each message by itself. Keeps nothing of it, so one packer serves any number of connections."""

    __slots__ = ()

    def __call__(self, frame: bytes) -> bytes:
        message = self._message(frame)
        if message is None:
            return frame
        # A full flush forgets the window. A new stream for each message does too, for four times the time.
        packed = self._compress(message, SHARED_MEM_LEVEL, zlib.Z_FULL_FLUSH)
        return server_frame(COMPRESSED | frame[0] & 0x0F, packed) if len(packed) < len(message) else frame


class WindowPacker(_MessageCompressor):
    """Packs the messages of one connection, each with the window that those before it have left."""

    __slots__ = ()

    def __call__(self, frame: bytes) -> bytes:
        message = self._message(frame)
        if message is None:
            return frame
        packed = self._compress(message, DEDICATED_MEM_LEVEL, zlib.Z_SYNC_FLUSH)
        return server_frame(COMPRESSED | frame[0] & 0x0F, packed)  # also if it grew: it is in our window now


class MessageInflater:
    """Inflates each message by itself. Keeps nothing, so one serves any number of connections."""

    __slots__ = ()

    def inflate(self, payload: bytes, limit: int) -> bytes:
        if not payload:
            return b""
        message, stream = _inflate(None, 15, payload, limit)
        _end(stream)
        return message


class WindowInflater:
    """Inflates the messages of one connection, each with the window that those before it have left."""

    __slots__ = ("_bits", "_stream")

    def __init__(self, bits: int) -> None:
        self._bits = max(bits, _LEAST_BITS)  # old zlibs write a window of 9 where they agreed on 8
        self._stream: zlib._Decompress | None = None  # made for the first message

    def inflate(self, payload: bytes, limit: int) -> bytes:
        if not payload:
            return b""
        message, stream = _inflate(self._stream, self._bits, payload, limit)
        _end(stream.copy())  # which takes 0.5 us
        stream.decompress(_TAIL)
        self._stream = None if stream.eof else stream
        return message


def _inflate(
    stream: zlib._Decompress | None, bits: int, data: bytes, limit: int
) -> tuple[bytes, zlib._Decompress]:
    """All of `data`, and the stream to go on with. Behind a last block begins another, without a window: what ends its
    stream to end a message has none left either (RFC 7692 7.2.3.4)."""
    parts = []
    size = 0
    for _ in range(_MOST_LAST_BLOCKS):
        if stream is None:
            stream = zlib.decompressobj(wbits=-bits)
        try:
            part = stream.decompress(data, limit + 1 - size)
        except zlib.error as error:
            raise InflateError(INVALID_PAYLOAD, "Compressed message is not valid") from error
        size += len(part)
        if size > limit:
            raise InflateError(MESSAGE_TOO_BIG, "Maximum message size exceeded")
        parts.append(part)
        if not stream.eof:
            return part if len(parts) == 1 else b"".join(parts), stream
        data, stream = stream.unused_data, None
    raise InflateError(INVALID_PAYLOAD, "Compressed message has too many last blocks")


def _end(stream: zlib._Decompress) -> None:
    """End a stream with the tail that was left out of a message (7.2.2) and a last block. Raises InflateError, 1007, if
    that does not end it: a block is cut off. The tail is the length of an empty block and gives nothing; if it gives
    something, it has been taken for the data of a block that is cut off."""
    try:
        given = stream.decompress(_TAIL_AND_END, 1)
    except zlib.error as error:
        raise InflateError(INVALID_PAYLOAD, "Compressed message is not valid") from error
    if (
        given or not stream.eof or stream.unused_data not in (b"", _END)
    ):  # the empty block may be a last one itself
        raise InflateError(INVALID_PAYLOAD, "Compressed message is cut off")
