from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from revurb.processes.control_socket import ControlReply, ControlRequest, ControlSocket, send_control_request
from revurb.processes.runtime_dir import connect, control_sockets

PATIENCE_S = 10.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="revurb-") as path:  # short, as paths of sockets must be
        yield Path(path)


async def answer(request: ControlRequest) -> ControlReply:
    return ControlReply(error=f"{request.do} {request.now}")


@asynccontextmanager
async def listening(folder: Path, port: int = 8080) -> AsyncIterator[ControlSocket]:
    control = ControlSocket(answer)
    await control.start(str(folder), port)
    try:
        yield control
    finally:
        control.close()


def connection(path: Path) -> socket.socket:
    sock = connect(path)
    assert sock is not None
    return sock


def test_a_server_of_an_older_version_understands_what_it_knows() -> None:
    """It refuses fields that it does not know."""
    assert msgspec.json.encode(ControlRequest("status")) == b'{"do":"status"}'
    assert msgspec.json.encode(ControlRequest("stop", now=True)) == b'{"do":"stop","now":true}'


async def test_a_request_has_a_reply_and_the_connection_of_a_stop_stays_open(folder: Path) -> None:
    path = folder / "8080.sock"
    async with listening(folder) as control:
        assert path.stat().st_mode & 0o777 == 0o600
        with connection(path) as sock:
            request = ControlRequest("restart")
            reply = await asyncio.to_thread(send_control_request, sock, request, PATIENCE_S)
            assert reply.error == "restart False"
            assert await asyncio.to_thread(sock.recv, 1) == b""
        with connection(path) as sock:
            request = ControlRequest("stop", now=True)
            reply = await asyncio.to_thread(send_control_request, sock, request, PATIENCE_S)
            assert reply.error == "stop True"
            end = asyncio.ensure_future(asyncio.to_thread(sock.recv, 1))
            await asyncio.sleep(0)
            assert not end.done()
            control.close()
            assert await end == b""
    assert not path.exists()


@pytest.mark.parametrize("line", [b"\n", b"nonsense\n", b'{"do":"dance"}\n', b'{"do":"stop","if":1}\n'])
async def test_what_is_no_request_has_no_reply(folder: Path, line: bytes) -> None:
    async with listening(folder):
        with connection(folder / "8080.sock") as sock:
            sock.settimeout(PATIENCE_S)
            sock.sendall(line)
            assert await asyncio.to_thread(sock.recv, 100) == b""


async def test_two_servers_may_have_one_port(folder: Path) -> None:
    async with listening(folder), listening(folder):
        assert len(list(folder.glob("8080*.sock"))) == 2
    assert not list(folder.iterdir())


async def test_without_a_folder_the_log_tells(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(folder / "not" / "there"):
        assert "no control socket" in caplog.text


async def test_a_server_that_ends_without_a_reply(folder: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(OSError, match=r"Broken pipe|ended without an answer"):
            send_control_request(ours, ControlRequest("status"), PATIENCE_S)


async def test_whoever_looks_while_a_server_starts_does_not_remove_its_socket(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = asyncio.start_unix_server
    seen: list[Path] = []

    async def look_and_start(*arguments: Any, **more: Any) -> asyncio.AbstractServer:
        for path, sock in control_sockets(str(folder)):
            seen.append(path)
            sock.close()
        return await start(*arguments, **more)

    monkeypatch.setattr(asyncio, "start_unix_server", look_and_start)
    async with listening(folder):
        assert seen == [folder / "8080.sock"]
        connection(folder / "8080.sock").close()
        assert [path.name for path in folder.iterdir()] == ["8080.sock"]
    assert list(folder.iterdir()) == []
