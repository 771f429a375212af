"""A server at the limit of open files: it says so, once, and takes clients again when there is room."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from tests.client import Http, connect, http
from tests.processes.serving import PATIENCE_S, serving


async def says(connection: Http, status: int) -> str:
    """Wait until /ready has this status; its body."""
    async with asyncio.timeout(PATIENCE_S):
        while (response := await connection.request("GET", "/ready")).status != status:
            await asyncio.sleep(0.01)
    return response.text


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_at_the_limit_of_open_files_says_so(tmp_path: Path, workers: str) -> None:
    prefix = ("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
    with serving(tmp_path, "--workers", workers, prefix=prefix) as server:
        async with http(server.port) as old:
            await says(old, 200)
            clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
            assert await says(old, 503) == '{"ready":false,"reason":"no file descriptor is left"}'
            for client in clients:
                client.close()
            await says(old, 200)
            async with connect(server.port, "key1") as after:
                await after.subscribe("a")
        server.said("no file descriptor is left, clients are dropped.* open_files_limit=64")
        assert server.output.count("no file descriptor is left") <= int(workers)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
