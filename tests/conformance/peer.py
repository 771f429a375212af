"""A client that sends any bytes over a real socket, and reads the answers strictly.

Strictly: every frame of the server must be whole, unmasked, without reserved bits, with its length in the shortest
form; after its Close comes the end of the stream and nothing else, and no reset.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Self, TypeAlias

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, INVALID_PAYLOAD = 1000, 1002, 1007

Frame: TypeAlias = tuple[int, bytes]

WAIT_S = 20.0  # for one answer; then the case has failed
_KEY = b"\x37\xfa\x21\x3d"
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of that key: RFC 6455 1.3


def xor(payload: bytes, key: bytes = _KEY) -> bytes:
    """RFC 6455 5.3, fast enough for 16 MiB: one number against another."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A masked frame, its length in the shortest form."""
    size = len(payload)
    length = (
        bytes([0x80 | size])
        if size < 126
        else b"\xfe" + size.to_bytes(2, "big")
        if size < 65536
        else b"\xff" + size.to_bytes(8, "big")
    )
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + _KEY + xor(payload)


def close(code: int | None = NORMAL, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def fragments(opcode: int, parts: Iterable[bytes]) -> list[bytes]:
    """One message, one frame for each part."""
    pieces = list(parts)
    last = len(pieces) - 1
    return [frame(CONTINUATION if at else opcode, part, fin=at == last) for at, part in enumerate(pieces)]


def chops(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


class Peer:
    """A connection to the server under test, after its handshake. Closes its socket on leaving `with`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._socket.sendall(_HANDSHAKE)
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"Sec-WebSocket-Accept: " + _ACCEPT in head
        assert b"extensions" not in head.lower()
        self._buffer = bytearray(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, pieces: Iterable[bytes]) -> None:
        """One send call for each piece."""
        for piece in pieces:
            self._socket.sendall(piece)

    def receive(self) -> Frame:
        """The next frame, whole."""
        first, second = self._take(2)
        assert first & 0x80, "the server fragments"
        assert not first & 0x70, "a reserved bit is set"
        assert not second & 0x80, "the server masks"
        length = second
        if second == 126:
            length = int.from_bytes(self._take(2), "big")
            assert length > 125, "length not in its shortest form"
        elif second == 127:
            length = int.from_bytes(self._take(8), "big")
            assert length > 65535, "length not in its shortest form"
        return first & 0x0F, self._take(length)

    def expect(self, expected: Iterable[Frame]) -> None:
        for opcode, payload in expected:
            got, came = self.receive()
            # Not one assert on both: a report of 16 MiB helps nobody.
            assert got == opcode, f"opcode {got} with {came[:125]!r}"
            assert came == payload, f"{len(came)} bytes {came[:125]!r} for {payload[:125]!r}"

    def expect_end(self, code: int, reason: bytes | None = None) -> None:
        """The server's Close with that code, then the end of the stream. A reason, if given, must be the same."""
        opcode, payload = self.receive()
        assert opcode == CLOSE, f"opcode {opcode} with {payload[:125]!r}"
        assert int.from_bytes(payload[:2], "big") == code, payload
        payload[2:].decode()
        assert reason is None or payload[2:] == reason
        assert not self._buffer, "something behind the Close"
        assert self._socket.recv(1) == b"", "something behind the Close"

    def close_cleanly(self) -> None:
        """Our Close, its echo, the end."""
        self.send([close(NORMAL, b"done")])
        self.expect_end(NORMAL, b"done")

    def silent(self) -> bool:
        """Whether the server has said nothing up to now, and does answer: a Ping's Pong is what comes first."""
        self.send([frame(PING, b"still there?")])
        return self.receive() == (PONG, b"still there?")

    def _more(self) -> None:
        data = self._socket.recv(1 << 20)
        assert data, f"the stream ended behind {bytes(self._buffer[-200:])!r}"
        self._buffer += data

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
