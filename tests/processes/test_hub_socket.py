"""Where the hub of a server is met."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.event_log import shared_log
from revurb.bus.hub.hub_link import HubLink
from revurb.bus.hub.hub_server import HubServer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.processes.hub_socket import hub_path, hub_socket
from revurb.processes.runtime_dir import MAX_SOCKET_PATH_BYTES
from tests.bus.engines import BusNode, tick_forever

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="sockets without a file are Linux's")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: the path of a Unix socket has 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="revurb-"))
    yield path
    shutil.rmtree(path)


@on_linux
def test_there_is_no_file_that_could_be_removed(folder: Path) -> None:
    with shared_log(2) as log, hub_socket(str(folder), 8080, log) as hub:
        assert hub.address.startswith("@revurb-8080-")
        assert hub.sock is not None
        assert hub.sock.getsockname() == b"\0" + hub.address[1:].encode()
        assert list(folder.iterdir()) == []
        with socket.socket(socket.AF_UNIX) as other, pytest.raises(OSError, match="in use"):
            other.bind("\0" + hub.address[1:])


@on_linux
async def test_a_worker_is_cut_off_until_a_hub_takes_it_from_the_queue() -> None:
    with shared_log(2) as log, hub_socket(None, 8080, log) as hub:
        assert hub.sock is not None
        node = BusNode("n1")
        node.bus = BrokeredBus("n1", node, MEMBER_EVENTS, lambda owner: HubLink(hub.address, log, owner, 0.1))
        starting = asyncio.create_task(node.bus.start())
        ticking = asyncio.create_task(tick_forever(node.bus))
        await node.until(lambda: node.bus._link._transport is not None)
        assert node.bus.degraded == "hub disconnected"
        for _ in range(2):
            logic = Broker(MEMBER_EVENTS, log, asyncio.get_running_loop().time, lease_s=5)
            server = HubServer(logic, hub.sock.dup())
            await server.start()
            await node.until(lambda: node.bus.degraded is None)
            await starting
            assert await node.bus.survey(b"who?", 5) == [b"who? n1"]
            await server.stop()
            await node.until(lambda: node.bus.degraded)
        ticking.cancel()
        await node.bus.stop()


def test_a_path_is_in_the_runtime_directory_while_it_is_used(folder: Path) -> None:
    with hub_path(str(folder), 8080) as path:
        assert path == folder / f"8080-{os.getpid()}.hub"
        path.touch()
    assert not path.exists()


@pytest.mark.parametrize("name", ["missing/too", "x" * MAX_SOCKET_PATH_BYTES])
def test_a_path_has_a_folder_of_its_own_where_there_is_no_usable_one(folder: Path, name: str) -> None:
    with hub_path(str(folder / name), 8080) as path:
        assert not path.is_relative_to(folder)
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()
