"""One connection that always has more to send does not have the loop for itself: a real process serves others too.

What is measured is not time but work: how much the flooding connections were served between an honest request and its
answer. A node that reads a socket for as long as there is something serves megabytes of it first.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb import App, Server
from revurb.observe.refusal_log import LINES_EACH
from tests.client import encode_frame, handshake, http, signed
from tests.processes.serving import serving

DEV = App(id="1", key="key1", secret="secret1")
SOCKETS = 4
# Of answers to all flooding sockets, for one honest publish and its delivery. A turn of the loop serves each of them
# 2 KiB of input, for which it gets up to 12 KiB; what they had been sent before and read only now counts as well.
MAX_SERVED_BYTES = 6 * 1024 * 1024
HANDSHAKE = handshake("/app/key1")


def text(message: object) -> bytes:
    return encode_frame(1, json.dumps(message).encode())


def publish(channel: str, data: str) -> bytes:
    body = json.dumps({"name": "e", "channels": [channel], "data": data}).encode()
    target = signed(DEV, "POST", "/apps/1/events", body)
    return (
        f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


SUBSCRIBE = {"event": "pusher:subscribe", "data": {"channel": "flood"}}
FLOODS: dict[str, tuple[bool, bytes]] = {  # kind: whether over a WebSocket, and what is sent again and again
    "requests": (False, b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n" * 400),
    "publishes": (False, publish("other", "x") * 40),
    "pusher pings": (True, text({"event": "pusher:ping"}) * 400),
    "pings": (True, encode_frame(9, b"") * 2000),
    "subscriptions": (True, (text(SUBSCRIBE) + text({**SUBSCRIBE, "event": "pusher:unsubscribe"})) * 200),
}


class Flood:
    """A socket that sends as fast as it can, and counts what comes back."""

    def __init__(self, port: int, over_websocket: bool, data: bytes) -> None:
        self.received_bytes = 0
        self._socket = (
            open_websocket(port) if over_websocket else socket.create_connection(("127.0.0.1", port))
        )
        self._data = data
        self._threads = [threading.Thread(target=run) for run in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._socket.sendall(self._data)

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._socket.recv(1 << 16):
                self.received_bytes += len(data)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()


@contextlib.contextmanager
def flooded(port: int, kind: str) -> Iterator[list[Flood]]:
    floods = [Flood(port, *FLOODS[kind]) for _ in range(SOCKETS)]
    try:
        yield floods
    finally:
        for flood in floods:
            flood.stop()


def receive_until(sock: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        data = sock.recv(1 << 16)
        assert data, got
        got += data
    return got


def open_websocket(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.sendall(HANDSHAKE)
    receive_until(sock, b"activity_timeout")
    sock.settimeout(None)
    return sock


@pytest.mark.parametrize("kind", FLOODS)
def test_others_are_served_beside_a_flood(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path) as server, contextlib.ExitStack() as stack:
        subscriber = stack.enter_context(open_websocket(server.port))
        subscriber.settimeout(20)
        subscriber.sendall(text({"event": "pusher:subscribe", "data": {"channel": "news"}}))
        receive_until(subscriber, b"subscription_succeeded")
        publisher = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        with flooded(server.port, kind) as floods:
            while not all(flood.received_bytes > 1 << 16 for flood in floods):  # until all are under way
                publisher.sendall(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
                receive_until(publisher, b"OK")
            for number in range(10):
                before = sum(flood.received_bytes for flood in floods)
                publisher.sendall(publish("news", f"event {number}"))
                receive_until(publisher, b"{}")
                receive_until(subscriber, f"event {number}".encode())
                assert sum(flood.received_bytes for flood in floods) - before < MAX_SERVED_BYTES
            assert all(flood._threads[0].is_alive() for flood in floods), "floods are slowed, not closed"
            server.signal(signal.SIGTERM)  # is obeyed while they go on
            server.said("stopping")
        assert server.ended() == 0


async def test_refusals_do_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever can send requests can have them refused: 500 of them in one connection are five lines."""
    caplog.set_level("INFO", "revurb")
    async with Server(apps=[DEV], port=0) as server, http(server.port) as connection:
        for _ in range(500):
            assert (await connection.request("GET", "/apps/1/channels")).status == 401
    lines = [record for record in caplog.records if record.name == "revurb.observe.refusal_log"]
    assert [record.getMessage() for record in lines] == ["wrong signature"] * LINES_EACH
