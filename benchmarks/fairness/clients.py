"""Raw sockets that speak to a `revurb serve --dev`: nothing between what is sent and what is measured."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import select
import socket
import time
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Address: TypeAlias = int | str  # a port, or the path of a Unix socket
KEY, SECRET, APP_ID = "key1", "secret1", "1"  # of `--dev`
_NONCE = base64.b64encode(bytes(16)).decode()


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """One client frame (RFC 6455 5.2), masked with zeros."""
    head = bytes([final << 7 | opcode])
    size = len(payload)
    head += bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


def message(value: object) -> bytes:
    return frame(1, json.dumps(value).encode())


PING = message({"event": "pusher:ping", "data": {}})


def subscription(channel: str) -> bytes:
    return message({"event": "pusher:subscribe", "data": {"channel": channel}})


def request(method: str, path: str, body: bytes = b"", **query: str) -> bytes:
    """A signed request to `/apps/1{path}`."""
    path = f"/apps/{APP_ID}{path}"
    query |= {"auth_key": KEY, "auth_timestamp": str(int(time.time())), "auth_version": "1.0"}
    if body:
        query["body_md5"] = hashlib.md5(body).hexdigest()
    text = "&".join(f"{name}={value}" for name, value in sorted(query.items()))
    signature = hmac.new(SECRET.encode(), f"{method}\n{path}\n{text}".encode(), hashlib.sha256).hexdigest()
    head = f"{method} {path}?{text}&auth_signature={signature} HTTP/1.1\r\nHost: x\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def publish(channel: str, data: str) -> bytes:
    return request("POST", "/events", json.dumps({"name": "e", "channels": [channel], "data": data}).encode())


def http(at: Address) -> socket.socket:
    if isinstance(at, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(at)
        return sock
    sock = socket.create_connection(("127.0.0.1", at), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def websocket(at: Address) -> socket.socket:
    """A connection that has been greeted."""
    sock = http(at)
    sock.sendall(
        f"GET /app/{KEY}?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_NONCE}\r\n\r\n".encode()
    )
    receive(sock, b"activity_timeout")
    return sock


def subscribers(at: Address, channel: str, count: int) -> list[socket.socket]:
    sockets = [websocket(at) for _ in range(count)]
    for sock in sockets:
        sock.sendall(subscription(channel))
    for sock in sockets:
        receive(sock, b"subscription_succeeded")
    return sockets


def receive(sock: socket.socket, wanted: bytes, times: int = 1) -> bytes:
    """Read until it has come so often."""
    got = b""
    while got.count(wanted) < times:
        data = sock.recv(1 << 20)
        if not data:
            raise ConnectionError(f"closed before {wanted!r}: {got[-200:]!r}")
        got += data
    return got


def answer(sock: socket.socket) -> bytes:
    """The body of one answer."""
    got = receive(sock, b"\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    (size,) = (
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < size:
        body += sock.recv(1 << 20)
    return body


class Everybody:
    """Reads what all of some sockets receive."""

    def __init__(self, sockets: Iterable[socket.socket]) -> None:
        self._epoll = select.epoll()
        self._sockets = {sock.fileno(): sock for sock in sockets}
        for sock in self._sockets.values():
            sock.setblocking(False)
            self._epoll.register(sock, select.EPOLLIN)

    def read(self, timeout_s: float) -> Iterator[tuple[int, bytes]]:
        """(descriptor, bytes) of those that have something."""
        for fd, _ in self._epoll.poll(timeout_s):
            try:
                data = self._sockets[fd].recv(1 << 18)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionError("a subscriber was closed")
            yield fd, data

    def all_have(self, wanted: bytes, patience_s: float = 30.0) -> None:
        """Read until each has received it, in one piece."""
        left, deadline = set(self._sockets), time.monotonic() + patience_s
        while left:
            for fd, data in self.read(1.0):
                if wanted in data:
                    left.discard(fd)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted!r} did not reach {len(left)} subscribers")
