"""The admin listener of a node, from its start."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from revurb import App, Server
from revurb.config import config_of
from revurb.node.admin import start_admin
from revurb.node.node import Node
from revurb.node.node_source import NodeSource
from revurb.transport.listener import ListenError
from tests.client import http
from tests.processes.serving import Serving, serving

APP = App(id="1", key="k", secret="s")


async def test_it_tells_what_the_node_measures() -> None:
    async with Server(apps=[APP], port=0, admin_port=0) as server:
        assert server.admin_port
        async with http(server.admin_port) as connection:
            text = (await connection.request("GET", "/metrics")).text
            assert '\nrevurb_connections{app="1"} 0.0\n' in text
            assert (await connection.request("GET", "/ready")).status == 200
            status = (await connection.request("GET", "/status")).json()
            (process,) = status.pop("processes")
            assert (process["process"], process["state"], process["pid"]) == ("node", "ready", os.getpid())
            assert status == {"port": server.port, "state": "ready", "connections": 0, "bus": ""}
        port = server.admin_port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_without_a_port_there_is_none() -> None:
    async with Server(apps=[APP], port=0) as server:
        assert server.admin_port is None


async def test_the_names_and_the_token_are_those_configured() -> None:
    values = {"admin.port": 0, "admin.token": "geheim", "metrics.names": "soketi", "server.port": 0}
    node = Node(config_of(values, (APP,)))
    await node.start([])
    admin = await start_admin(node.config, NodeSource(node), 6001)
    assert admin is not None
    try:
        async with http(admin.port) as connection:
            assert (await connection.request("GET", "/metrics")).status == 401
            answer = await connection.request("GET", "/metrics", headers=[("Authorization", "Bearer geheim")])
            assert '\nsoketi_connected{app_id="1",port="6001"} 0.0\n' in answer.text
    finally:
        admin.close()
        await node.stop(0)


async def test_an_address_that_is_taken_is_named_and_nothing_is_left() -> None:
    async with Server(apps=[APP], port=0, admin_port=0) as server:
        other = Server(apps=[APP], port=0, admin_port=server.admin_port)
        with pytest.raises(
            ListenError,
            match=rf"127.0.0.1:{server.admin_port}: address already in use, for the admin listener",
        ):
            await other.start()
        assert other.admin_port is None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", other.port)


def test_an_address_of_others_needs_a_token() -> None:
    with pytest.raises(ValueError, match="needs an admin_token"):
        Server(apps=[APP], admin_port=0, admin_host="0.0.0.0")
    Server(apps=[APP], admin_port=0, admin_host="0.0.0.0", admin_token="geheim")
    Server(apps=[APP], admin_host="0.0.0.0")  # nothing listens there


def test_the_library_is_imported_only_where_it_is_used() -> None:
    code = "import sys, revurb, revurb.processes.worker; print('prometheus_client' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_no_thread_is_started(tmp_path: Path) -> None:
    """To look up the host, say: it would stay, and slow the others down."""

    def threads(server: Serving) -> int:
        return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))

    with (
        serving(tmp_path) as without,
        serving(tmp_path, environment={"REVURB_ADMIN_PORT": "0"}) as server,
    ):
        server.said("admin listener is ready")
        assert threads(server) == threads(without)
