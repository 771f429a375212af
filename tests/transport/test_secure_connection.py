"""WebSockets over TLS, and over plain TCP beside them: both are written to in their own way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from revurb import App
from revurb._speedups.frames import TEXT, server_frame
from revurb.config import Config, ServerConfig, TlsConfig
from revurb.node.node import Node
from revurb.transport.client_connection import ClientConnection
from tests.client import connect, handshake

APP = App(id="app-id", key="app-key", secret="app-secret")


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
async def test_events_large_and_small_arrive_in_order(tmp_path: Path, secure: bool) -> None:
    authority, tls, config = trustme.CA(), None, TlsConfig()
    if secure:
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        certificate.cert_chain_pems[0].write_to_path(str(cert))
        certificate.private_key_pem.write_to_path(str(key))
        config = TlsConfig(cert=str(cert), key=str(key))
        tls = ssl.create_default_context()
        authority.configure_trust(tls)
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), tls=config, apps=(APP,)))
    await node.start()
    try:
        async with connect(node.port, APP.key, tls=tls) as client:
            await client.subscribe("a")
            assert node.counters.connections_total == 1
            for number in range(3):
                data = f"{number}" * (9000 if number == 1 else 1)
                node.trigger(APP, ["a"], "e", data)
                assert (await client.expect("e", "a"))["data"] == data
        async with asyncio.timeout(10):
            while node._connections.websockets:
                await asyncio.sleep(0)
        assert node.counters.connections_total == 1
    finally:
        await node.stop(drain_timeout_s=0)


async def test_what_the_kernel_did_not_take_stays_ahead_of_what_comes_later() -> None:
    """The transport has it then. There is room in the kernel before the event loop has told the transport so."""
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)))
    await node.start()
    loop = asyncio.get_running_loop()
    frames = [server_frame(TEXT, bytes(8_000_000)), server_frame(TEXT, b"later")]
    try:
        with socket.create_connection(("127.0.0.1", node.port)) as sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, handshake("/app/app-key"))
            got = bytearray()
            while b"connection_established" not in got:
                got += await loop.sock_recv(sock, 65536)
            (served,) = node._connections.websockets
            assert isinstance(served, ClientConnection)
            served.send(frames[0])
            served.flush()
            assert served.transport_bytes > 0
            got = bytearray()
            with contextlib.suppress(BlockingIOError):
                while True:
                    got += sock.recv(1 << 20)
            served.send(frames[1])
            served.flush()
            wanted = sum(map(len, frames))
            async with asyncio.timeout(10):
                while len(got) < wanted:
                    got += await loop.sock_recv(sock, wanted - len(got))
            assert bytes(got[-20:]) == b"".join(frames)[-20:]
    finally:
        await node.stop(drain_timeout_s=0)
