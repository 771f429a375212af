"""The last answer of an HTTP connection is sent for as long as its peer takes it, and no longer."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from pathlib import Path
from typing import cast

import pytest
import trustme

from revurb import App, Server
from tests.client import PATIENCE_S, encode_frame, handshake, http, signed
from tests.conftest import Run
from tests.processes.test_single_node import write_certificate

APP = App(id="app-id", key="app-key", secret="app-secret")
CLOSE_TIMEOUT_S = 0.5
CHANNELS = 40_000  # with names of 180 bytes: 8 MB, which is more than kernels take


class Tls:
    """A certificate for the server, and what trusts it; or none."""

    def __init__(self, folder: Path, is_wanted: bool) -> None:
        self.cert: str | None = None
        self.key: str | None = None
        self.client: ssl.SSLContext | None = None
        if is_wanted:
            authority = trustme.CA()
            self.cert, self.key = write_certificate(folder, authority)
            self.client = ssl.create_default_context()
            authority.configure_trust(self.client)


@pytest.fixture(params=["tcp", "tls"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Tls:
    return Tls(tmp_path, request.param == "tls")


def server_with(tls: Tls) -> Server:
    app = App(id="app-id", key="app-key", secret="app-secret", max_channels_per_connection=CHANNELS)
    return Server(
        apps=[app],
        port=0,
        close_timeout_s=CLOSE_TIMEOUT_S,
        tls_cert=tls.cert,
        tls_key=tls.key,
        drain_timeout_s=25,
    )


def read_slowly(port: int, request: bytes, tls: Tls) -> int:
    """Send the request, and read for four times the close timeout, or to the end; how much came."""
    got = 0
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        plain.settimeout(20)
        plain.connect(("127.0.0.1", port))
        with (
            plain
            if tls.client is None
            else tls.client.wrap_socket(plain, server_hostname="localhost") as sock
        ):
            sock.sendall(request)
            until = time.monotonic() + 4 * CLOSE_TIMEOUT_S
            while data := sock.recv(1 << 14):
                got += len(data)
                if time.monotonic() < until:
                    time.sleep(0.01)  # the pace of this peer
    return got


def test_one_that_takes_it_slowly_gets_it_all(run: Run, tls: Tls) -> None:
    async def main() -> None:
        async with server_with(tls) as server:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=tls.client, server_hostname="localhost" if tls.client else None
            )
            writer.write(handshake("/app/app-key"))
            for number in range(CHANNELS):
                message = {"event": "pusher:subscribe", "data": {"channel": f"{number:0180}"}}
                writer.write(encode_frame(1, json.dumps(message).encode()))
            succeeded = 0
            while succeeded < CHANNELS:
                succeeded += (await reader.readuntil(b"subscription_succeeded")).count(
                    b"subscription_succeeded"
                )
            target = signed(APP, "GET", "/apps/app-id/channels", b"")
            request = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            got = await asyncio.to_thread(read_slowly, server.port, request, tls)
            assert got > CHANNELS * 180
            writer.close()

    run(main())


def test_one_that_does_not_end_its_side_holds_up_no_stop(run: Run, tls: Tls) -> None:
    async def main() -> None:
        server = server_with(tls)
        await server.start()
        async with http(server.port, tls=tls.client) as idle, http(server.port, tls=tls.client) as ending:
            assert (await idle.request("GET", "/up")).status == 200
            answer = await ending.request("GET", "/up", headers=[("Connection", "close")])
            assert answer.status == 200
            for each in (idle, ending):
                # So that it does not hear that the server closes.
                cast(asyncio.Transport, each._writer.transport).pause_reading()
            async with asyncio.timeout(PATIENCE_S):  # less than the drain timeout
                await server.stop()

    run(main())


def test_one_that_takes_no_answer_holds_up_no_stop(run: Run, tls: Tls) -> None:
    async def main() -> None:
        server = server_with(tls)
        await server.start()
        _, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=tls.client, server_hostname="localhost" if tls.client else None
        )
        cast(asyncio.Transport, writer.transport).pause_reading()
        writer.write(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000)
        async with asyncio.timeout(PATIENCE_S):
            while not any(getattr(each, "is_blocked", False) for each in server._node._connections.http):
                await asyncio.sleep(0)
            await server.stop()  # in less than the drain timeout
        writer.transport.abort()

    run(main())
