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


def certified(folder: Path) -> tuple[ssl.SSLContext, TlsConfig]:
    """What a client trusts, and a server's options."""
    authority, cert, key = trustme.CA(), folder / "cert.pem", folder / "key.pem"
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(cert))
    certificate.private_key_pem.write_to_path(str(key))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return trusting, TlsConfig(cert=str(cert), key=str(key))


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
async def test_events_large_and_small_arrive_in_order(tmp_path: Path, secure: bool) -> None:
    tls, config = certified(tmp_path) if secure else (None, TlsConfig())
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


async def test_what_is_sent_in_one_turn_is_one_tls_record(tmp_path: Path) -> None:
    """A read gives a client what is in one record, never more."""
    tls, config = certified(tmp_path)
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), tls=config, apps=(APP,)))
    await node.start()

    def greeted() -> ssl.SSLSocket:
        sock = tls.wrap_socket(
            socket.create_connection(("127.0.0.1", node.port), 10), server_hostname="127.0.0.1"
        )
        sock.sendall(handshake("/app/app-key"))
        got = b""
        while b"connection_established" not in got:
            got += sock.recv(65536)
        return sock

    frames = [server_frame(TEXT, bytes(2000 + number)) for number in range(3)]
    try:
        with await asyncio.to_thread(greeted) as sock:
            (served,) = node._connections.websockets
            assert isinstance(served, ClientConnection)
            for frame in frames:
                served.send(frame)
            assert await asyncio.to_thread(sock.recv, 65536) == b"".join(frames)
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
