"""The slots that a worker adopts. Whole workers are in test_supervisor.py and test_worker_pool.py."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from revurb.config import Config, ServerConfig
from revurb.node.node import Node
from revurb.processes import worker
from revurb.processes.worker import AdoptedSlots
from tests.client import connect
from tests.processes.test_single_node import APP


@asynccontextmanager
async def started() -> AsyncIterator[Node]:
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)))
    await node.start()
    try:
        yield node
    finally:
        await node.stop(drain_timeout_s=0)


def bound() -> tuple[socket.socket, int]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock, sock.getsockname()[1]


async def accepts(port: int) -> None:
    """Wait until clients are accepted there: the adoption is a task of its own."""
    async with asyncio.timeout(10):
        while True:
            try:
                async with connect(port, APP.key):
                    return
            except ConnectionRefusedError:
                await asyncio.sleep(0)


async def test_a_slot_is_served_from_its_adoption_on() -> None:
    async with started() as node:
        sock, port = bound()
        adopted = AdoptedSlots(node, {1: [sock]})
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        adopted.adopt(1)
        adopted.adopt(1)
        adopted.adopt(5)  # a slot that is not known
        await accepts(port)
        async with connect(port, APP.key) as client:
            adopted.release(1)
            await client.subscribe("a")  # who is connected stays
        adopted.close()


async def test_a_slot_is_adopted_once_there_are_descriptors_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ADOPT_RETRY_S", 0.01)
    async with started() as node:
        sock, port = bound()
        adopted = AdoptedSlots(node, {1: [sock]})
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(sock.fileno())
        os.close(lowest_free)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
            with pytest.raises(OSError, match="Too many open files"):
                sock.dup()
            adopted.adopt(1)
            for _ in range(3):
                await asyncio.sleep(0)
            assert adopted._adoptions
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        await accepts(port)
        await asyncio.gather(*adopted._adoptions)
        adopted.close()


async def test_a_slot_that_is_released_at_once_is_not_served() -> None:
    async with started() as node:
        sock, port = bound()
        adopted = AdoptedSlots(node, {1: [sock]})
        adopted.adopt(1)
        adopted.release(1)
        await asyncio.gather(*adopted._adoptions)
        adopted.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
