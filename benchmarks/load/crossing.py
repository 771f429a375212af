"""What it costs that an event crosses from one worker to another: client events, sent by a connection of a certain
worker to subscribers that are all on one."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.load.cluster import Cluster
from revurb.pusher.socket_id import process_of

KEY, SECRET = "key1", b"secret1"  # of --dev
CHANNEL = "private-bench"
HANDSHAKE = (
    f"GET /app/{KEY}?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
EVENT_BYTES = 100
IN_FLIGHT = 8
SETTLED_S = 1.2  # what a join leaves to do is done, and every process has said a few times that it is there


class Client:
    """A WebSocket that blocks, for two seconds at most."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=2)
        self._rest = b""
        self.sock.sendall(HANDSHAKE)
        while b"\r\n\r\n" not in self._rest:
            self._more()
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        self.socket_id = str(json.loads(json.loads(self.frame()[-1])["data"])["socket_id"])

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the server has closed a connection")
        self._rest += data

    def frame(self) -> tuple[int, bytes]:
        """How long the next one is, and what is in it."""
        while True:
            rest = self._rest
            if len(rest) >= 4:
                head, size = (4, int.from_bytes(rest[2:4])) if rest[1] == 126 else (2, rest[1])
                if len(rest) >= head + size:
                    self._rest = rest[head + size :]
                    return head + size, rest[head : head + size]
            self._more()

    def skip(self, count: int) -> None:
        """Take so many bytes."""
        while len(self._rest) < count:
            self._more()
        self._rest = self._rest[count:]

    def subscribe(self, channel: str = CHANNEL) -> None:
        signature = hmac.new(SECRET, f"{self.socket_id}:{channel}".encode(), hashlib.sha256).hexdigest()
        data = {"channel": channel, "auth": f"{KEY}:{signature}"}
        self.sock.sendall(_frame({"event": "pusher:subscribe", "data": data}))
        self.frame()


def _frame(message: object) -> bytes:
    text = json.dumps(message).encode()
    return b"\x81\xfe%b\0\0\0\0%b" % (len(text).to_bytes(2), text)  # a mask of zeros


def connect(cluster: Cluster, worker: str, stack: ExitStack) -> Client:
    """A client of that worker, closed with the stack."""
    while True:
        client = Client(cluster.port)
        if process_of(client.socket_id) == cluster.pids[worker]:
            stack.enter_context(client.sock)
            return client
        client.sock.close()


@contextmanager
def subscribers(cluster: Cluster, count: int) -> Iterator[list[Client]]:
    """So many on worker 0."""
    with ExitStack() as stack:
        clients = [connect(cluster, "worker 0", stack) for _ in range(count)]
        for client in clients:
            client.subscribe()
        yield clients


def cost_us(cluster: Cluster, sender: str, clients: list[Client], events: int) -> dict[str, float]:
    """CPU time of each process for one event that `sender`, a worker, passes on to all the clients."""
    message = {"event": "client-x", "channel": CHANNEL, "data": "x" * EVENT_BYTES}
    burst = _frame(message) * IN_FLIGHT
    with ExitStack() as stack:
        talker = connect(cluster, sender, stack)
        talker.subscribe()
        time.sleep(SETTLED_S)
        before = cluster.cpu_s()
        size = 0
        for _ in range(events // IN_FLIGHT):
            talker.sock.sendall(burst)
            for client in clients:
                if not size:
                    size, _ = client.frame()
                    client.skip((IN_FLIGHT - 1) * size)
                else:
                    client.skip(IN_FLIGHT * size)
        after = cluster.cpu_s()
    return {name: (after[name] - before[name]) * 1e6 / events for name in after}
