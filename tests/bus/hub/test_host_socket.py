"""The Unix socket at which the workers of a host reach its hub or relay."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import stat
import sys
from pathlib import Path

import pytest

from revurb.bus.hub import host_socket
from revurb.bus.hub.host_socket import connect_to_host, listen_on_host


class Peer(asyncio.Protocol):
    """One end; `heard` is what the other one says."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self.heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport
        transport.write(self._says)

    def data_received(self, data: bytes) -> None:
        self.heard.set_result(data)
        self._transport.close()


async def meet(place: str | socket.socket, address: str) -> None:
    server_side, client_side = Peer(b"from the server"), Peer(b"from the client")
    server = await listen_on_host(place, lambda: server_side)
    async with asyncio.timeout(10):
        await connect_to_host(address, lambda: client_side)
        assert await client_side.heard == b"from the server"
        assert await server_side.heard == b"from the client"
    server.close()


async def test_a_path_is_for_this_user_alone_and_what_was_left_there_is_replaced(tmp_path: Path) -> None:
    path, before = tmp_path / "hub.sock", os.umask(0o022)
    for _ in range(2):
        await meet(str(path), str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.umask(before) == 0o022


@pytest.mark.skipif(sys.platform != "linux", reason="sockets without files are Linux's")
async def test_a_socket_without_a_file_is_reached_by_its_name() -> None:
    name = f"revurb-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0{name}")
        sock.listen()
        sock.setblocking(False)
        await meet(sock, f"@{name}")


@pytest.mark.skipif(sys.platform != "linux", reason="sockets without files are Linux's")
async def test_one_that_belongs_to_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any user of the host may have taken a name that is free."""
    monkeypatch.setattr(host_socket, "is_own_peer", lambda sock: False)
    name = f"revurb-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0{name}")
        sock.listen()
        with pytest.raises(PermissionError, match="belongs to somebody else"):
            await connect_to_host(f"@{name}", lambda: Peer(b"secret"))
        peer, _ = sock.accept()
        with peer:
            assert peer.recv(100) == b""


@pytest.mark.parametrize("address", ["/nowhere/hub.sock", "@revurb-test-nowhere"])
async def test_nobody_there_is_an_error(address: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Connection refused"):
        await connect_to_host(address, lambda: Peer(b""))
    with pytest.raises(OSError, match="No such file"):
        await listen_on_host("/nowhere/hub.sock", lambda: Peer(b""))
