"""A WebSocket echo server on Revurb's own connection class, for conformance suites.

    python tests/conformance/echo.py --port 9001 [--host 127.0.0.1] [--max-message-bytes 67108864]
                                     [--compression off|shared|dedicated]

Every text or binary message comes back as it was: compressed, whatever its size, if that was negotiated. Limits are
high, so that what a suite sees is the protocol. Prints "listening on HOST:PORT" once it does; port 0 picks a free
one. Stop it with SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import signal

import uvloop

from revurb._speedups.frames import server_frame
from revurb.observe.counters import Counters
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, FrameSender, TransportLimits, Upgrade
from revurb.transport.listener import bind_tcp, listen_on
from revurb.transport.timer_wheel import TICK_S
from revurb.wire import handshake
from revurb.wire.deflate import Compression
from revurb.wire.http import Request
from revurb.wire.response import Response

MAX_FRAGMENTS = 100_000  # Autobahn 9.3.1 and 9.4.1 send 4 MiB in 65,536 frames


class Echo:
    """The handler: sends back what comes."""

    ping_interval_s = 3600.0

    def __init__(self, max_message_size_bytes: int) -> None:
        self.max_message_size_bytes = max_message_size_bytes

    def opened(self, outlet: FrameSender) -> None:
        self._outlet = outlet

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        self._outlet.send(server_frame(opcode, payload))

    def on_control_frame(self) -> None: ...
    def on_idle(self) -> None: ...
    def on_still_idle(self) -> None: ...
    def on_unresponsive(self) -> None: ...
    def closed(self) -> None: ...


class EchoEndpoint:
    """Takes a handshake on any path."""

    def __init__(self, max_message_bytes: int, compression: Compression | None) -> None:
        self._max_message_bytes = max_message_bytes
        self._compression = compression

    def on_request(self, request: Request) -> Answer:
        try:
            agreement = handshake.agree(request, self._compression)
            head = handshake.accept(request, agreement=agreement)
            return Upgrade(head, Echo(self._max_message_bytes), agreement)
        except handshake.HandshakeError as error:
            return Response(error.status, error.detail.encode(), "text/plain; charset=utf-8", error.headers)


async def serve(host: str, port: int, max_message_bytes: int, compression: Compression | None) -> None:
    loop = asyncio.get_running_loop()
    limits = TransportLimits(
        max_head_bytes=16_384,
        max_body_bytes=10_000,
        max_queued_bytes=4 * max_message_bytes,
        max_queued_total_bytes=268_435_456,
        max_fragments=MAX_FRAGMENTS,
        request_timeout_s=10.0,
        keep_alive_timeout_s=75.0,
        pong_timeout_s=30.0,
        close_timeout_s=3.0,
    )
    endpoint = EchoEndpoint(max_message_bytes, compression)
    connections = Connections(endpoint, limits, Counters(), loop)
    (bound,) = bind_tcp([host], port)
    server = await listen_on(functools.partial(ClientConnection, connections), bound, None, 10.0)
    print(f"listening on {host}:{bound.getsockname()[1]}", flush=True)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    while not stopping.is_set():
        connections.wheel.turn(loop.time())
        try:
            await asyncio.wait_for(stopping.wait(), TICK_S)
        except TimeoutError:
            continue
    server.close()
    connections.abort()


def main() -> None:
    parser = argparse.ArgumentParser(description="WebSocket echo server for conformance suites.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-message-bytes", type=int, default=64 * 1024 * 1024)
    parser.add_argument("--compression", choices=("off", "shared", "dedicated"), default="off")
    options = parser.parse_args()
    compression = None if options.compression == "off" else Compression(options.compression, 1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.host, options.port, options.max_message_bytes, compression))


if __name__ == "__main__":
    main()
