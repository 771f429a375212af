"""Listening with TLS: clients that do not finish the handshake."""

import asyncio
import contextlib
import functools
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from revurb import App, Server
from revurb.transport.listener import listen_on, listen_tcp
from tests.conftest import Run
from tests.processes.test_single_node import write_certificate

SILENCE = b""
HALF_A_HELLO = bytes.fromhex("16030102000100")


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


async def is_hung_up_on(port: int, sent: bytes) -> None:
    """Returns when the server has ended a connection that sent only this. Fails after 5 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("sent", [SILENCE, HALF_A_HELLO], ids=["silence", "half-a-hello"])
def test_an_unfinished_tls_handshake_is_ended_on_an_address(
    run: Run, tls: ssl.SSLContext, sent: bytes
) -> None:
    async def main() -> None:
        server, port = await listen_tcp(asyncio.Protocol, "127.0.0.1", 0, tls, handshake_timeout_s=0.2)
        await is_hung_up_on(port, sent)
        server.close()

    run(main())


@pytest.mark.parametrize("sent", [SILENCE, HALF_A_HELLO], ids=["silence", "half-a-hello"])
def test_an_unfinished_tls_handshake_is_ended_on_a_socket(run: Run, tls: ssl.SSLContext, sent: bytes) -> None:
    async def main() -> None:
        bound = socket.create_server(("127.0.0.1", 0))
        bound.setblocking(False)
        server = await listen_on(asyncio.Protocol, bound, tls, handshake_timeout_s=0.2)
        await is_hung_up_on(bound.getsockname()[1], sent)
        server.close()

    run(main())


def test_a_node_gives_a_handshake_as_long_as_a_request(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = write_certificate(tmp_path, trustme.CA())
    make = functools.partial(
        Server, apps=[App(id="1", key="k", secret="s")], port=0, tls_cert=cert, tls_key=key
    )

    async def main() -> None:
        async with make(request_timeout_s=0.2) as server:
            await is_hung_up_on(server.port, SILENCE)

    run(main())
    assert not caplog.records
