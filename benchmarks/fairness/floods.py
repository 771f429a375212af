"""Sockets that send as fast as they can, each from a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from benchmarks.fairness.clients import PING, frame, http, message, publish, subscription, websocket

_LEAVE = message({"event": "pusher:unsubscribe", "data": {"channel": "flood"}})


def _repeat(sock: socket.socket, data: bytes) -> None:
    threading.Thread(target=_discard, args=(sock,), daemon=True).start()
    while True:
        sock.sendall(data)


def _discard(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sock.recv(1 << 16):
            pass


def _handshakes(port: int) -> None:
    while True:
        websocket(port).close()


def _tls_handshakes(port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    while True:
        with context.wrap_socket(http(port)):
            pass


TLS_HANDSHAKES = "TLS handshakes"
FLOODS: dict[str, Callable[[int], None]] = {
    "GET /up": lambda port: _repeat(http(port), b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n" * 400),
    "publishes": lambda port: _repeat(http(port), publish("other", "x" * 100) * 50),
    "pusher:ping": lambda port: _repeat(websocket(port), PING * 400),
    "pings": lambda port: _repeat(websocket(port), frame(9, b"") * 2000),
    "fragments": lambda port: _repeat(
        websocket(port),
        frame(1, b"x", final=False) + frame(0, b"x", final=False) * 500 + frame(0, b"x"),
    ),
    "subscriptions": lambda port: _repeat(websocket(port), (subscription("flood") + _LEAVE) * 200),
    "handshakes": _handshakes,
    TLS_HANDSHAKES: _tls_handshakes,  # of a server with a certificate
}


@contextlib.contextmanager
def flooding(port: int, kind: str, sockets: int) -> Iterator[None]:
    """So many flood the server inside the block. They share the generator's core."""
    processes = [
        multiprocessing.get_context("fork").Process(target=_flood, args=(kind, port), daemon=True)
        for _ in range(sockets)
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _flood(kind: str, port: int) -> None:
    os.nice(5)  # what is measured has to be read in time
    with contextlib.suppress(OSError):  # the server ends first
        FLOODS[kind](port)
