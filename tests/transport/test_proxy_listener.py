"""The PROXY header on real sockets: ahead of anything, in any pieces, of whom, and what is closed for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from revurb.transport.listener import bind_tcp
from revurb.transport.proxy_listener import ProxyListener
from revurb.transport.trusted_proxies import TrustedProxies
from tests.wire.test_proxy_header import V1, V4, V6, v2

LOOPBACK = TrustedProxies(["127.0.0.1"])
NOBODY = TrustedProxies(["192.0.2.1"])


class Echo(asyncio.Protocol):
    """Says whose connection it is, and what has come."""

    def __init__(self, source: str) -> None:
        self._source = source

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(f"{self._source} ".encode() + data)


class Listening:
    def __init__(self, port: int, refused: list[tuple[str, str]]) -> None:
        self.port = port
        self.refused = refused


@asynccontextmanager
async def listening(
    tls: ssl.SSLContext | None = None, proxies: TrustedProxies = LOOPBACK, timeout_s: float = 5.0
) -> AsyncIterator[Listening]:
    (bound,) = bind_tcp(["127.0.0.1"], 0)
    refused: list[tuple[str, str]] = []
    port = bound.getsockname()[1]
    listener = ProxyListener(
        Echo, bound, tls, timeout_s, proxies, lambda proxy, reason: refused.append((proxy, reason))
    )
    try:
        yield Listening(port, refused)
    finally:
        listener.close()
        listener.close()


async def answer(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                return await reader.read(4096)
            return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("header", "source"),
    [(V1, "192.0.2.7:50123"), (V4, "192.0.2.7:50123"), (V6, "[2001:db8::7]:50123"), (v2(0x20, 0, b""), ""),
     (b"PROXY UNKNOWN\r\n", "")],
)  # fmt: skip
async def test_what_is_behind_the_header_is_the_clients(header: bytes, source: str) -> None:
    async with listening() as server:
        assert await answer(server.port, header + b"hello") == f"{source} hello".encode()
        assert await answer(server.port, *(header[at : at + 1] for at in range(len(header))), b"hello") == (
            f"{source} hello".encode()
        )
        assert server.refused == []


@pytest.mark.parametrize("header", [V1, V4])
async def test_the_header_is_ahead_of_the_tls_hello(header: bytes) -> None:
    """Both in one packet: of what is behind the header, nothing has been read."""
    authority = trustme.CA()
    context, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(client)
    async with listening(context) as server:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = client.wrap_bio(incoming, outgoing, server_hostname="localhost")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with contextlib.suppress(ssl.SSLWantReadError):
            session.do_handshake()
        writer.write(header + outgoing.read())
        async with asyncio.timeout(5):
            while True:
                incoming.write(await reader.read(65536))
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
            session.write(b"hello")
            writer.write(outgoing.read())
            while True:
                try:
                    assert session.read() == b"192.0.2.7:50123 hello"
                    break
                except ssl.SSLWantReadError:
                    incoming.write(await reader.read(65536))
        writer.close()


async def test_others_have_none_and_are_not_believed() -> None:
    async with listening(proxies=NOBODY) as server:
        assert await answer(server.port, b"hello") == b" hello"
        assert await answer(server.port, V1 + b"hello") == b" " + V1 + b"hello"
        assert server.refused == []


@pytest.mark.parametrize(
    ("sent", "reason"),
    [(b"GET / HTTP/1.1\r\n\r\n", "neither PROXY"), (b"\x16\x03\x01" + bytes(200), "neither PROXY"),
     (b"PROXY TCP4 nonsense\r\n", "two addresses"), (b"PROXY UNKNOWN " + bytes(1000), "longer"),
     (V4[:14] + b"\xff\xff" + bytes(5000), "at most")],
)  # fmt: skip
async def test_a_proxy_without_a_header_is_closed_and_told_of(sent: bytes, reason: str) -> None:
    async with listening() as server:
        assert await answer(server.port, sent) == b""
        ((proxy, why),) = server.refused
        assert proxy.startswith("127.0.0.1:")
        assert reason in why


async def test_a_header_has_so_much_time() -> None:
    async with listening(timeout_s=0.1) as server:
        for part in (b"", V1[:20], V4[:20]):
            assert await answer(server.port, part) == b""
        assert [reason for _, reason in server.refused] == ["it has not come whole within 0.1 s"] * 3


async def test_a_look_at_the_port_is_no_fault() -> None:
    async with listening() as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
        assert await answer(server.port, V1 + b"hello") == b"192.0.2.7:50123 hello"
        assert server.refused == []
