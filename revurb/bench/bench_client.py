"""A WebSocket connection of the generator: it counts events, and does as little as it can for each.

Why not the client of this package (`revurb.pusher_client`): an event takes it 20 us, which is more than it takes the
server. Here it is 1 us. Frames of a client have a mask of zeros, which is one (RFC 6455 5.3), so that nothing has to be
masked.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from revurb.bench.bench_target import BenchError, BenchTarget
from revurb.observe.connection_errors import describe_error
from revurb.version import __version__

EVENT = "revurb-bench"
CLIENT_EVENT = f"client-{EVENT}"
SENT_AT = b"sent-at="  # ahead of the time in the data of an event
_EVENTS = (f'{{"event":"{EVENT}"'.encode(), f'{{"event":"{CLIENT_EVENT}"'.encode())  # as Revurb writes them
_NAMES = (f'"{EVENT}"'.encode(), f'"{CLIENT_EVENT}"'.encode())
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
ANSWER_S = 10.0
MAX_HEAD_BYTES = 16 * 1024


class BenchClient(asyncio.Protocol):
    """`on_events` is called with how many events came at once, `on_refusal` with what the server refused later."""

    def __init__(self, on_events: Callable[[int], None], on_refusal: Callable[[str], None]) -> None:
        self.socket_id = ""
        self.latencies_s: list[float] | None = None  # measured if it is a list
        self._on_events = on_events
        self._on_refusal = on_refusal
        self._transport: Any = None  # uvloop's does not inherit from asyncio's
        self._rest = b""
        self._is_wanted = True
        self._is_open = False  # after the handshake
        self._waiting: asyncio.Future[Any] | None = None

    # Opening.

    async def open(self, target: BenchTarget) -> None:
        """Connect, and wait for the socket id. Raises BenchError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_S):
                self._waiting = waiting = loop.create_future()
                await connect(loop, lambda: self, target)
                self._transport.write(target.header + _handshake(target))
                message = await waiting
        except TimeoutError:
            raise BenchError(f"no answer within {ANSWER_S:g} s from {target.authority}") from None
        self.socket_id = message["socket_id"]

    async def subscribe(self, target: BenchTarget, channel: str) -> None:
        """Raises BenchError if it is refused."""
        data = {"channel": channel}
        if channel.startswith("private-"):
            data |= target.app.authorize_channel(self.socket_id, channel)
        self._waiting = waiting = asyncio.get_running_loop().create_future()
        self.send("pusher:subscribe", data)
        try:
            async with asyncio.timeout(ANSWER_S):
                await waiting
        except TimeoutError:
            raise BenchError(f"no answer within {ANSWER_S:g} s to a subscription") from None

    def send(self, event: str, data: object, channel: str | None = None) -> None:
        message = {"event": event, "data": data} | ({} if channel is None else {"channel": channel})
        self.send_frame(masked_text(json.dumps(message).encode()))

    def send_frame(self, frame: bytes) -> None:
        if not self._transport.is_closing():  # uvloop's raises then; `on_refusal` has been told
            self._transport.write(frame)

    def abort(self) -> None:
        """Close without leaving a port behind in TIME_WAIT, of which there are 28,000."""
        if self._transport is None or self._transport.is_closing():
            return
        self._is_wanted = False
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_wanted:
            self._fail(f"the server has closed a connection{'' if exc is None else f' ({exc})'}")

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        at = 0
        if not self._is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0 and len(buffer) < MAX_HEAD_BYTES:
                self._rest = buffer
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                status = buffer[9:12].decode("latin-1")
                self._fail(f"the server answered {status!r} to a handshake")
                self._transport.abort()
                return
            self._is_open, at = True, end + 4
        events, size = 0, len(buffer)
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                if size - at < 10:
                    break
                length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            end = start + length
            if end > size:
                break
            if buffer[at] == TEXT and (
                buffer.startswith(_EVENTS, start)
                or any(buffer.find(name, start, end) >= 0 for name in _NAMES)
            ):
                events += 1
                if self.latencies_s is not None:
                    self._measure(buffer, start, end)
            else:
                self._on_other(buffer[at], buffer[start:end])
            at = end
        self._rest = buffer[at:]
        if events:
            self._on_events(events)

    def _measure(self, buffer: bytes, start: int, end: int) -> None:
        found = buffer.find(SENT_AT, start, end)
        if found >= 0 and self.latencies_s is not None:
            digits = buffer[found + len(SENT_AT) : end].partition(b";")[0]
            self.latencies_s.append(time.perf_counter() - float(digits))

    def _on_other(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.send_frame(bytes((PONG, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
        elif opcode == CLOSE:
            self._is_wanted = False
            self.send_frame(bytes((CLOSE, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
            code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
            self._fail(f"the server closed a connection: {code} {reason}".rstrip())
        elif opcode == TEXT:
            message = json.loads(payload)
            data = message.get("data")
            match message.get("event"):
                case "pusher:connection_established":
                    self._resolve(json.loads(data))
                case "pusher_internal:subscription_succeeded" | "pusher:subscription_succeeded":
                    self._resolve(None)
                case "pusher:ping":
                    self.send("pusher:pong", {})
                case "pusher:error" | "pusher:subscription_error":
                    self._fail(f"the server refused: {_in_words(data)}")

    def _resolve(self, value: object) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(value)

    def _fail(self, reason: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BenchError(reason))
            self._waiting.exception()  # who waits may have been cancelled, and asyncio would write a traceback
        else:
            self._on_refusal(reason)


async def connect(
    loop: asyncio.AbstractEventLoop, protocol: Callable[[], asyncio.Protocol], target: BenchTarget
) -> None:
    """Raises BenchError."""
    try:
        server_hostname = target.host if target.tls is not None else None
        await loop.create_connection(
            protocol, target.host, target.port, ssl=target.tls, server_hostname=server_hostname
        )
    except OSError as error:
        raise BenchError(f"cannot reach {target.authority}: {describe_error(error, ANSWER_S)}") from error


def masked_text(payload: bytes) -> bytes:
    """A text frame of a client."""
    size = len(payload)
    if size < 126:
        head = bytes((TEXT, 0x80 | size))
    elif size < 65536:
        head = struct.pack("!BBH", TEXT, 0xFE, size)
    else:
        head = struct.pack("!BBQ", TEXT, 0xFF, size)
    return head + b"\0\0\0\0" + payload


def _handshake(target: BenchTarget) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    app_key = quote(target.app.key, safe="")
    path = f"{quote(target.path)}/app/{app_key}?protocol=7&client=revurb-bench&version={__version__}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: {target.authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _in_words(data: object) -> str:
    """The data of an error, which is an object, or JSON in a text."""
    if isinstance(data, str):
        with contextlib.suppress(ValueError):
            data = json.loads(data)
    if isinstance(data, dict):
        return " ".join(
            str(data[name]) for name in ("code", "message", "error") if data.get(name) is not None
        )
    return str(data)
