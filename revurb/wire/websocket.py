"""A WebSocket connection, seen from the server, as a state machine over bytes (RFC 6455 sections 5 to 7).

Rule 1: nothing a peer sends raises. A violation becomes a Close frame and the phase CLOSED.
Rule 2: what the protocol demands to be answered is answered here; the owner only writes `take_pongs()`, and behind what
it says itself `take_outgoing()`.
Rule 3: this file knows no timeout. How long to wait for the peer's Close is the owner's to decide.

    OPEN ----- close() ------> CLOSING --- their Close, or a violation ---> CLOSED
      \\------------- their Close (echoed), or a violation (answered) -------/
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from revurb._speedups.frames import CLOSE, COMPRESSED, PING, PONG, TEXT, FrameReader, server_frame
from revurb.wire.close import INVALID_PAYLOAD, NORMAL, CloseError, encode_close, parse_close
from revurb.wire.deflate import InflateError, Inflater

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Phase(enum.Enum):
    """How far a connection has come on its way from open to closed."""

    OPEN = "open"
    CLOSING = "closing"  # our Close is out, theirs is not in
    CLOSED = "closed"  # both are out, or the connection failed: the owner ends TCP behind what is outgoing


_OPEN, _CLOSING, _CLOSED = Phase  # looking a member up in its class is a tenth of a receive()


class WebSocket:
    """One connection after its handshake. Limits as in `FrameReader`: bytes of a message, of a frame, frames.

    With an `inflater` messages may come compressed (RFC 7692); `max_message_bytes` then bounds them before and after.
    """

    __slots__ = (
        "_close",
        "_inflater",
        "close_code",
        "close_reason",
        "has_failed",
        "phase",
        "pongs",
        "reader",
    )

    phase: Phase
    close_code: int | None
    """What ended it: the code of the side that closed first, 1005 for a peer's Close without one, ours if it failed.
    None while OPEN."""
    close_reason: str
    pongs: bytes
    """What `take_pongs` gives."""

    def __init__(
        self,
        *,
        max_message_bytes: int,
        max_frame_bytes: int | None = None,
        max_fragments: int = 1024,
        inflater: Inflater | None = None,
    ) -> None:
        self._inflater = inflater
        self.reader = FrameReader(
            max_message_bytes, max_frame_bytes, max_fragments, compressed=inflater is not None
        )
        self.pongs = b""
        self._close = b""  # our Close in answer to theirs, or to a violation, until it is taken
        self.phase = _OPEN
        self.close_code = None
        self.close_reason = ""
        self.has_failed = False
        """Whether it was closed for what the peer sent; `close_code` and `close_reason` say why."""

    def receive(self, data: Buffer) -> list[tuple[int, bytes]]:
        """Take bytes from the peer; give (opcode, payload) of TEXT and BINARY messages, PINGs and PONGs, in order.

        Call `take_pongs()` afterwards, and look at `phase`: once it is CLOSED, call `take_outgoing()`. A Close frame is
        not in the list. Data messages that arrive while CLOSING are dropped, everything after CLOSED is.
        """
        if self.phase is _CLOSED:
            return []
        frames = self.reader.feed(data)
        if len(frames) == 1 and frames[0][0] < CLOSE and self.phase is _OPEN and self.reader.failure is None:
            return frames  # nearly always: one message has come
        received: list[tuple[int, bytes]] = []
        pongs: list[bytes] = []
        closing: bytes | None = None
        failure: tuple[int, str] | None = None
        for frame in frames:
            opcode, payload = frame
            if opcode < CLOSE:
                if self.phase is _OPEN:
                    received.append(frame)
            elif opcode == CLOSE:
                closing = payload  # the last one: the reader ignores what is behind it
            elif opcode < COMPRESSED:
                if opcode == PING:
                    # RFC 6455 5.5.2: a Ping is answered until a Close has been received, so also while CLOSING.
                    pongs.append(server_frame(PONG, payload))
                received.append(frame)
            elif self.phase is _OPEN:
                try:
                    received.append(self._inflate(opcode & ~COMPRESSED, payload))
                except InflateError as error:
                    failure = error.code, error.reason
                    break
        if pongs:
            self.pongs += b"".join(pongs)
        if closing is not None:
            self._on_close(closing)
        failure = failure or self.reader.failure
        if failure is not None:
            self._fail(*failure)
        return received

    @property
    def is_reusable(self) -> bool:
        """Whether it is between messages with nothing queued: then it can serve another connection."""
        return self.reader.at_rest and self.phase is _OPEN and self._inflater is None and not self.pongs

    def take_pongs(self) -> bytes:
        """The Pong frames that `receive()` has queued, for the owner to write, also while CLOSING; b"" if none."""
        pongs, self.pongs = self.pongs, b""
        return pongs

    def take_outgoing(self) -> bytes:
        """The Pong frames, and behind them our Close frame in answer to what has ended the connection, for the owner to
        write; b"" if none."""
        outgoing = self.take_pongs() + self._close
        self._close = b""
        return outgoing

    def close(self, code: int, reason: str = "") -> bytes:
        """Our Close frame, for the owner to write; b"" if one is out already. Starts the closing handshake, or takes
        the place of the answer to the peer's Close, or to a violation, that came behind what made the owner close.

        `reason` is cut to 123 bytes. Raises ValueError for a code that may not be sent.
        """
        if self.phase is not _OPEN and not self._close:
            return b""
        frame = server_frame(CLOSE, encode_close(code, reason))
        if self.phase is _OPEN:
            self.phase = _CLOSING
        self._close = b""
        self.close_code, self.close_reason = code, reason
        return frame

    def _inflate(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        assert self._inflater is not None
        message = self._inflater.inflate(payload, self.reader.max_message_bytes)
        if opcode == TEXT and not message.isascii():
            try:
                message.decode()
            except UnicodeDecodeError as error:
                raise InflateError(INVALID_PAYLOAD, "Text is not valid UTF-8") from error
        return opcode, message

    def _on_close(self, payload: bytes) -> None:
        try:
            code, reason = parse_close(payload)
        except CloseError as error:
            self._fail(error.code, error.reason)
            return
        if self.phase is _OPEN:
            # RFC 6455 5.5.1: the same code goes back. For none, Reverb answers 1000.
            self._close = server_frame(CLOSE, payload or encode_close(NORMAL))
            self.close_code, self.close_reason = code, reason
        self.phase = _CLOSED

    def _fail(self, code: int, reason: str) -> None:
        """RFC 6455 7.1.7. Our Close is sent once: while CLOSING it is out already, and its code stays."""
        if self.phase is _OPEN:
            self._close = server_frame(CLOSE, encode_close(code, reason))
            self.close_code, self.close_reason = code, reason
            self.has_failed = True
        self.phase = _CLOSED
