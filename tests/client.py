"""A WebSocket and HTTP client for tests, on bare asyncio streams.

It sends exactly what it is told to, so wrong bytes go out as easily as right ones, and it hides nothing that
comes back: no automatic pongs, no reconnecting, no buffering of events. Only a close frame is answered.

    async with connect(server.port, "app-key") as client:
        await client.subscribe("chat")
        await client.send({"event": "pusher:ping"})
        await client.expect("pusher:pong")
        assert await client.closed() == 4200

Nothing here sleeps. What does not come is a TimeoutError after PATIENCE_S; that nothing comes is known from
WebSocket pings whose pongs are the very next frames (`flushed`, `expect_silence`).

    answer = await api(server.port, app, "POST", "/events", {"name": "e", "channel": "c", "data": "x"})
    async with http(server.port) as connection: ...     # several requests, or bytes that are none
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import ssl
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from revurb.apps import App
from tests.http_client import PATIENCE_S, Ended, Http, Response, api, hang_up, http, read_response, signed

__all__ = [
    "PATIENCE_S",
    "Client",
    "Ended",
    "Frame",
    "Http",
    "Refused",
    "Response",
    "api",
    "channel_auth",
    "close_payload",
    "connect",
    "dial",
    "encode_frame",
    "handshake",
    "http",
    "signed",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3; its accept value is s3pPLMBiTxaQ9kYGzzhZRbK+xOo=


class Refused(ConnectionError):
    """The server answered a handshake with something else than 101."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.reason}: {response.text}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = False

    @property
    def message(self) -> Any:
        return json.loads(self.payload)

    @property
    def close_code(self) -> int | None:
        return int(struct.unpack_from("!H", self.payload)[0]) if len(self.payload) >= 2 else None


def encode_frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """One client frame, RFC 6455 5.2; `fin`, `rsv` and `masked` are there to be wrong."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mask_bit = masked << 7
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", mask_bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))


def close_payload(code: int | None, reason: bytes = b"") -> bytes:
    return b"" if code is None else struct.pack("!H", code) + reason


def handshake(target: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A correct opening handshake for `target`, with `headers` behind the usual ones."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One WebSocket connection. Made by `connect` or `dial`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: Response
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._nonces = itertools.count()
        self.response = response
        self.socket_id = ""
        self.close_code: int | None = None
        self.ended = False

    # --- sending

    async def send(self, message: object) -> None:
        """A dict or list goes as JSON, a string as it is, bytes in a binary frame."""
        if isinstance(message, bytes):
            await self.send_frame(BINARY, message)
        else:
            text = message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
            await self.send_frame(TEXT, text.encode())

    async def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
    ) -> None:
        await self.send_bytes(encode_frame(opcode, payload, fin=fin, rsv=rsv, masked=masked))

    async def send_bytes(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def close(self, code: int | None = 1000, reason: bytes = b"") -> int | None:
        """Say goodbye and wait for the end; the server's close code."""
        await self.send_frame(CLOSE, close_payload(code, reason))
        return await self.closed()

    # --- receiving

    async def receive(self, patience_s: float = PATIENCE_S) -> Frame:
        """The next frame of any kind. Raises Ended when the server has closed the TCP connection."""
        async with asyncio.timeout(patience_s):
            try:
                first, second = await self._reader.readexactly(2)
                length = second & 0x7F
                if length == 126:
                    (length,) = struct.unpack("!H", await self._reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
                payload = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                self.ended = True
                raise Ended(f"the server closed the connection, code {self.close_code}") from error
        frame = Frame(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 7, bool(second & 0x80))
        if frame.opcode == CLOSE and self.close_code is None:
            self.close_code = frame.close_code
            with contextlib.suppress(ConnectionError):
                await self.send_frame(CLOSE, payload[:2])
        return frame

    async def next_event(self) -> dict[str, Any]:
        """The next message; anything but a text frame is an error."""
        frame = await self.receive()
        assert frame.opcode == TEXT, f"expected a message, got {frame}"
        message = frame.message
        assert isinstance(message, dict)
        return message

    async def expect(self, event: str, channel: str | None = None) -> dict[str, Any]:
        """The next message, which must be this event (on this channel)."""
        message = await self.next_event()
        assert message.get("event") == event, f"expected {event}, got {message}"
        assert channel is None or message.get("channel") == channel, f"expected {channel}, got {message}"
        return message

    async def expect_error(self, code: int) -> str:
        """The next message, which must be a pusher:error with this code; its text."""
        message = await self.expect("pusher:error")
        error = message["data"]
        assert error["code"] == code, message
        return str(error["message"])

    async def flushed(self) -> list[Frame]:
        """What the server had to say so far: all that comes before the pong to a ping sent now.

        Two pings: the first pong may come before what was said in the same breath, the second comes after.
        """
        frames: list[Frame] = []
        for _ in range(2):
            nonce = f"flushed-{next(self._nonces)}".encode()
            await self.send_frame(PING, nonce)
            while (frame := await self.receive()) != Frame(PONG, nonce):
                frames.append(frame)
        return frames

    async def expect_silence(self) -> None:
        frames = await self.flushed()
        assert not frames, frames

    async def closed(self) -> int | None:
        """Wait for the end of the TCP connection, past whatever still comes; the server's close code."""
        with contextlib.suppress(Ended):
            while True:
                await self.receive()
        return self.close_code

    # --- Pusher

    async def greeted(self) -> dict[str, Any]:
        """Wait for pusher:connection_established; remembers the socket id and returns its data."""
        message = await self.expect("pusher:connection_established")
        data = json.loads(message["data"])
        assert isinstance(data, dict)
        self.socket_id = data["socket_id"]
        return data

    async def subscribe(self, channel: str, app: App | None = None, user: object = None) -> Any:
        """Subscribe (signed where `app` is given, as `user` if any); what the data of the answer holds."""
        data: dict[str, str] = {"channel": channel}
        if user is not None:
            data["channel_data"] = json.dumps(user)
        if app is not None:
            data["auth"] = channel_auth(app, self.socket_id, channel, data.get("channel_data"))
        await self.send({"event": "pusher:subscribe", "data": data})
        message = await self.expect("pusher_internal:subscription_succeeded", channel)
        return json.loads(message["data"])

    async def sign_in(self, app: App, user_id: str, watchlist: Iterable[str] = (), **more: object) -> None:
        """Sign in as this user, and wait until that is confirmed."""
        user_data = {"id": user_id, "watchlist": list(watchlist), **more}
        await self.send({"event": "pusher:signin", "data": app.authenticate_user(self.socket_id, user_data)})
        message = await self.expect("pusher:signin_success")
        assert json.loads(json.loads(message["data"])["user_data"])["id"] == user_id

    async def told_of(self) -> tuple[str, list[str]]:
        """The next message, which must be about the watchlist: "online" or "offline", and who."""
        message = await self.expect("pusher_internal:watchlist_events")
        (event,) = json.loads(message["data"])["events"]
        return event["name"], event["user_ids"]

    async def drop(self) -> None:
        """End the TCP connection without a word."""
        await hang_up(self._writer)


def channel_auth(app: App, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """What an auth endpoint answers for a private or presence channel."""
    text = f"{socket_id}:{channel}" if channel_data is None else f"{socket_id}:{channel}:{channel_data}"
    return f"{app.key}:{app.sign(text)}"


async def dial(port: int, request: bytes, *, tls: ssl.SSLContext | None = None) -> Client:
    """Send `request` as it is and read the answer. Raises Refused where that is not 101."""
    name = "localhost" if tls else None
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
        try:
            writer.write(request)
            response = await read_response(reader)
        except BaseException:
            await hang_up(writer)
            raise
    if response.status != 101:
        await hang_up(writer)
        raise Refused(response)
    return Client(reader, writer, response)


@contextlib.asynccontextmanager
async def connect(
    port: int,
    key: str = "app-key",
    *,
    path: str = "",
    headers: Iterable[tuple[str, str]] = (),
    tls: ssl.SSLContext | None = None,
    greet: bool = True,
) -> AsyncIterator[Client]:
    """A connection to the app with this key, greeted unless told otherwise, dropped at the end."""
    target = f"{path}/app/{key}?protocol=7&client=test&version=1.0"
    client = await dial(port, handshake(target, headers), tls=tls)
    try:
        if greet:
            await client.greeted()
        yield client
    finally:
        await client.drop()
