"""The clients of a herd, which know as much of the protocols as they need."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import re
import time
from typing import Any

from revurb import App

HERD_APP = App(id="app1", key="key1", secret="secret1")
MASK = b"\0\0\0\0"
HANDSHAKE = (
    f"GET /app/{HERD_APP.key}?protocol=7 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()
_CONFIRMED = re.compile(rb'subscription_succeeded".*?"id":"([0-9a-z]+-[0-9]+)"')
_EVENT = b'{"event":"missed"'


def text_frame(message: object) -> bytes:
    payload = json.dumps(message).encode()
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    return head + MASK + payload


def ask(port: int, method: str, path: str, body: object = None) -> Any:
    """A signed request to the API below the app."""
    path, content = f"/apps/{HERD_APP.id}/{path}", b"" if body is None else json.dumps(body).encode()
    query = f"auth_key={HERD_APP.key}&auth_timestamp={int(time.time())}&auth_version=1.0"
    if content:
        query += f"&body_md5={hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    signature = HERD_APP.sign(f"{method}\n{path}\n{query}")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, f"{path}?{query}&auth_signature={signature}", content)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


class Member(asyncio.Protocol):
    """One client of one channel. It remembers where it was, and resumes there when it connects again."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._position = ""
        self._events = 0
        self._is_confirmed = False
        self._rest = b""
        self._transport: Any = None
        self._greeted: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()

    async def connect(self, port: int) -> None:
        """Returns when it has asked for its subscription."""
        loop = asyncio.get_running_loop()
        self._events, self._is_confirmed, self._rest = 0, False, b""
        self._greeted = loop.create_future()
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", port)
        self._transport.write(HANDSHAKE)
        await self._greeted
        data: dict[str, object] = {"channel": self._channel}
        if self._position:
            data["resume"] = {"id": self._position}
        self._transport.write(text_frame({"event": "pusher:subscribe", "data": data}))

    def drop(self) -> None:
        self._transport.abort()

    async def has(self, events: int) -> None:
        """Wait for its confirmation and for so many events."""
        while not self._is_confirmed or self._events < events:
            self._changed.clear()
            await self._changed.wait()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if self._greeted is not None and not self._greeted.done():
            if b"connection_established" not in data:
                self._rest = data
                return
            self._greeted.set_result(None)
        if not self._is_confirmed:
            found = _CONFIRMED.search(data)
            if found is None:
                self._rest = data[-1000:]
                return
            self._is_confirmed, self._position = True, found[1].decode()
            data = data[found.end() :]
        self._events += data.count(_EVENT)
        self._rest = data[-len(_EVENT) + 1 :]
        self._changed.set()
