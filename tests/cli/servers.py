"""Small real servers on loopback that a client verb can be run against."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

SOCKET_ID = "123.456"


@dataclass
class Api:
    """An HTTP server that answers everything alike; `requests` are (method, target, body)."""

    port: int = 0
    status: int = 200
    answer: bytes = b"{}"
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)


@contextmanager
def api_server(tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            api.requests.append((self.command, self.path, body))
            self.send_response(api.status)
            self.send_header("Content-Length", str(len(api.answer)))
            self.end_headers()
            self.wfile.write(api.answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that closing waits for them

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that does not trust our certificate hangs up

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    api.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Script = Callable[["Peer"], None]


@dataclass
class Peer:
    """The server's end of one connection."""

    socket: ServerConnection
    path: str

    def send(self, event: str, data: Any = None, channel: str | None = None) -> None:
        """One event; `data` as JSON in a text, as Pusher sends it."""
        message = {"event": event, "data": json.dumps(data)}
        self.socket.send(json.dumps(message if channel is None else {**message, "channel": channel}))

    def establish(self) -> None:
        self.send("pusher:connection_established", {"socket_id": SOCKET_ID, "activity_timeout": 30})

    def receive(self) -> Any:
        return json.loads(self.socket.recv(timeout=10))

    def close(self, code: int, reason: str = "") -> None:
        self.socket.close(code, reason)


@contextmanager
def pusher_server(scripts: Sequence[Script], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A WebSocket server whose first connection is the first script, and so on. Yields its port.

    What a script raises, an AssertionError say, is raised here at the end.
    """
    remaining = iter(scripts)
    failures: list[BaseException] = []

    def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        try:
            next(remaining)(Peer(socket, socket.request.path))
        except ConnectionClosed:
            pass
        except BaseException as failure:
            failures.append(failure)
            socket.close(4000, "the script failed")

    with serve(handle, "127.0.0.1", 0, ssl=tls) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()
    for failure in failures:
        raise failure
