"""Connections to a certain worker of a server. The kernel gives each one to a worker of its choice, so one asks until
it is the right one: socket ids tell whose they are, and of HTTP connections the kernel does."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

from revurb.pusher.socket_id import process_of
from tests.client import Client, Http, connect, http, signed
from tests.processes.serving import Serving
from tests.processes.test_single_node import APP

ENOUGH = 200  # tries: half of them miss, or two thirds


@contextlib.asynccontextmanager
async def client_of(server: Serving, pid: int) -> AsyncIterator[Client]:
    """A WebSocket of the worker `pid`."""
    for _ in range(ENOUGH):
        async with connect(server.port, APP.key) as client:
            if process_of(client.socket_id) == pid:
                yield client
                return
    raise AssertionError(f"no connection to {pid}")


@contextlib.asynccontextmanager
async def http_of(server: Serving, pid: int) -> AsyncIterator[Http]:
    """An HTTP connection of the worker `pid`."""
    for _ in range(ENOUGH):
        async with http(server.port) as connection:
            assert (await connection.request("GET", "/up")).status == 200  # so it is accepted
            if _is_of(pid, server.port, connection.port):
                yield connection
                return
    raise AssertionError(f"no connection to {pid}")


async def ask(connection: Http, method: str, path: str, body: object = None, **query: str) -> Any:
    """A signed request to /apps/1{path}, which must succeed; the JSON of its answer."""
    raw = b"" if body is None else json.dumps(body).encode()
    response = await connection.request(method, signed(APP, method, f"/apps/1{path}", raw, query), raw)
    assert response.status == 200, response.text
    return json.loads(response.text)


async def trigger(connection: Http, event: str, channel: str, data: str = "x") -> None:
    await ask(connection, "POST", "/events", {"name": event, "channel": channel, "data": data})


def _is_of(pid: int, server_port: int, client_port: int) -> bool:
    """Whether the process has the server's end of a loopback connection."""
    with open("/proc/net/tcp") as table:  # address:port in hexadecimal, the inode in the tenth column
        rows = [line.split() for line in table]
    ports = (f":{server_port:04X}", f":{client_port:04X}")
    inodes = [row[9] for row in rows if row[1].endswith(ports[0]) and row[2].endswith(ports[1])]
    sockets = {f"socket:[{inode}]" for inode in inodes}
    return any(_link(f"/proc/{pid}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{pid}/fd"))


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile
        return ""
