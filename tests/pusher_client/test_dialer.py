"""Opening the WebSocket of a client."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from revurb import Client, Server
from revurb.pusher_client.dialer import Dialer, DialFailed
from tests.cli.servers import api_server
from tests.processes.test_single_node import write_certificate
from tests.pusher_client.collected import APP


async def reason(dialer: Dialer) -> str:
    with pytest.raises(DialFailed) as caught:
        async with dialer.connection():
            pass
    return str(caught.value)


@pytest.mark.parametrize("url", ["", "http://x", "ws://", "ws://x:0", "ws://x?a", "ws://x#a", "ws://x:99999"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="allowed: a URL such as wss://"):
        Dialer(url, "k")


async def test_reasons(closed_port: int) -> None:
    assert await reason(Dialer(f"ws://127.0.0.1:{closed_port}", "k")) == "connection refused"
    with api_server() as api:
        api.status = 501
        assert await reason(Dialer(f"ws://127.0.0.1:{api.port}", "k")) == "the server answered 501"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dialer = Dialer(f"ws://127.0.0.1:{silent.getsockname()[1]}", "k", timeout_s=0.05)
        assert await reason(dialer) == "no answer within 0.05 s"


async def test_a_socket_that_is_open_already() -> None:
    async with Server(apps=[APP], port=0) as server:
        threads: list[threading.Thread] = []

        def open_socket(timeout_s: float) -> socket.socket:
            threads.append(threading.current_thread())
            return socket.create_connection(("127.0.0.1", server.port), timeout_s)

        async with Dialer(
            "ws://elsewhere.example", APP.key, open_socket=open_socket
        ).connection() as connection:
            assert "connection_established" in str(await connection.recv())
        assert threads[0] is not threading.main_thread()


async def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key = write_certificate(tmp_path, authority)
    async with Server(apps=[APP], port=0, tls_cert=cert, tls_key=key) as server:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        url = f"wss://localhost:{server.port}"
        async with asyncio.timeout(10), Client(url, key=APP.key, tls=trusting) as client:
            await client.subscribe("orders")
        assert (await reason(Dialer(url, "k"))).startswith("its certificate is not trusted")
