"""Clients of a server with TLS or without, one after the other, on blocking sockets: the server is what is measured."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time

from benchmarks.load.herd_members import text_frame
from revurb.apps import App
from revurb.apps.request_signing import signed_target

APP = App(id="1", key="key1", secret="secret1")  # of `revurb serve --dev`
CHANNEL = "bench"
EVENT_BYTES = 100
PATIENCE_S = 20.0
LAST = "last"  # begins the data of the last event of a batch
HANDSHAKE = (
    f"GET /app/{APP.key}?protocol=7 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()
SUBSCRIBE = text_frame({"event": "pusher:subscribe", "data": {"channel": CHANNEL}})


class TlsClients:
    """Subscribers of one channel at `port`; with TLS of `version`, or without if that is None."""

    def __init__(self, port: int, version: ssl.TLSVersion | None) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []
        self._session: ssl.SSLSession | None = None
        self._context: ssl.SSLContext | None = None
        self._publisher: http.client.HTTPConnection | None = None
        if version is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
            self._context.minimum_version = self._context.maximum_version = version

    def connect(self, count: int, *, resume: bool = False) -> int:
        """Connect and subscribe so many more. With `resume` each shows the ticket that the one before was given.
        Returns how many resumed."""
        return sum(self._connect_one(resume=resume) for _ in range(count))

    def publish(self, events: int) -> None:
        """Have so many events published by one request: the server sends them in one turn. All requests go over one
        connection, which the first one opens."""
        batch = [
            {"name": "e", "channel": CHANNEL, "data": (LAST if left == 0 else "x").ljust(EVENT_BYTES, "y")}
            for left in reversed(range(events))
        ]
        body, path = json.dumps({"batch": batch}).encode(), f"/apps/{APP.id}/batch_events"
        if self._publisher is None:
            self._publisher = self._http()
        target = signed_target(APP, "POST", path, body, int(time.time()))
        self._publisher.request("POST", target, body, {"Content-Type": "application/json"})
        answer = self._publisher.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {answer.read().decode()}")
        answer.read()

    def receive(self) -> None:
        """Read all that was published, up to the end of a batch."""
        for sock in self._sockets:
            _read_until(sock, LAST.encode())

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _connect_one(self, *, resume: bool) -> bool:
        sock: socket.socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE_S)
        # Else the request would wait for the acknowledgement of what ended a resumed handshake: 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            sock = self._context.wrap_socket(sock, session=self._session if resume else None)
        self._sockets.append(sock)
        sock.sendall(HANDSHAKE)
        _read_until(sock, b"connection_established")
        sock.sendall(SUBSCRIBE)
        _read_until(sock, b"subscription_succeeded")
        if not isinstance(sock, ssl.SSLSocket):
            return False
        self._session = sock.session  # TLS 1.3 gives it behind the handshake
        return bool(sock.session_reused)

    def _http(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=PATIENCE_S, context=self._context)


def _read_until(sock: socket.socket, mark: bytes) -> None:
    got = b""
    while mark not in got:
        received = sock.recv(65536)
        if not received:
            raise RuntimeError(f"the server has ended a connection behind {got!r}")
        got += received
