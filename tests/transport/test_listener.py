"""Listening: TLS with clients that do not finish the handshake, addresses that are of no use, Unix sockets."""

import asyncio
import contextlib
import functools
import os
import socket
import ssl
import stat
from pathlib import Path

import pytest
import trustme

from revurb import App, Server
from revurb.transport.listener import ListenError, bind_tcp, bind_unix, listen_on
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
def test_an_unfinished_tls_handshake_is_ended_on_a_socket(run: Run, tls: ssl.SSLContext, sent: bytes) -> None:
    async def main() -> None:
        (bound,) = bind_tcp(["127.0.0.1"], 0)
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


def test_an_address_that_is_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError) as raised:
            bind_tcp(["127.0.0.1"], port)
    assert str(raised.value) == f"cannot listen on 127.0.0.1:{port}: address already in use"


@pytest.mark.parametrize(
    ("host", "shown"), [("nowhere.invalid", r"nowhere\.invalid"), ("fe80::1:2:3", r"\[fe80::1:2:3\]")]
)
def test_a_host_that_is_of_no_use_is_named(host: str, shown: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ListenError, match=rf"^cannot listen on {shown}:\d+: [a-z]"):
        bind_tcp(["127.0.0.1", host], 0)
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("hosts", [["::"], ["0.0.0.0", "::"], ["::", "0.0.0.0"]])
def test_two_colons_are_all_addresses_of_both_families(hosts: list[str]) -> None:
    """As PHP has it; each family has a socket of its own."""
    sockets = bind_tcp(hosts, 0)
    port = sockets[0].getsockname()[1]
    assert {sock.getsockname()[:2] for sock in sockets} == {("::", port), ("0.0.0.0", port)}
    assert len(sockets) == 2
    for sock in sockets:
        sock.listen()
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, port), timeout=5).close()
    for sock in sockets:
        sock.close()


def test_several_addresses_have_the_same_port() -> None:
    for _ in range(20):
        sockets = bind_tcp(["127.0.0.1", "127.0.0.2", "::1"], 0)
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        for sock in sockets:
            sock.close()


async def test_a_unix_socket_is_listened_on_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "s"
    bound = bind_unix(str(path), 0o620)
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    made: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()
            made.set_result(None)

    server = await listen_on(Accepted, bound, None, 1.0)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        async with asyncio.timeout(5):
            await made
    server.close()


def test_a_unix_socket_that_nobody_listens_on_any_more_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    bind_unix(str(path), 0o600).close()
    before = path.stat().st_ino, path.stat().st_ctime_ns
    with bind_unix(str(path), 0o600):
        assert (path.stat().st_ino, path.stat().st_ctime_ns) != before


@pytest.mark.parametrize(
    ("taken_by", "why"),
    [
        ("server", "another server is listening on it"),
        ("file", "{path} exists and is not a socket"),
        ("no folder", "no such file or directory"),
    ],
)
def test_a_unix_socket_that_is_of_no_use_is_left_as_it_is(tmp_path: Path, taken_by: str, why: str) -> None:
    path = tmp_path / "s" if taken_by != "no folder" else tmp_path / "none" / "s"
    descriptors = os.listdir("/proc/self/fd")
    with socket.socket(socket.AF_UNIX) as other:
        if taken_by == "server":
            other.bind(str(path))
            other.listen()
        elif taken_by == "file":
            path.write_text("kept")
        with pytest.raises(ListenError) as raised:
            bind_unix(str(path), 0o600)
    assert str(raised.value) == f"cannot listen on the Unix socket {path}: {why.format(path=path)}"
    assert len(os.listdir("/proc/self/fd")) <= len(descriptors)  # one of an earlier test may end meanwhile
    assert path.exists() == (taken_by != "no folder")
    assert taken_by != "file" or path.read_text() == "kept"
