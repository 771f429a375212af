"""What a node listens with."""

from __future__ import annotations

import asyncio

import pytest

from revurb import Server
from revurb.config import Config, LimitsConfig, ServerConfig
from revurb.node.node import Node
from revurb.transport.proxy_listener import ProxyListener
from tests.client import Ended, http
from tests.node.test_behind_proxies import APP
from tests.wire.test_proxy_header import V1


async def test_a_wrong_proxy_header_is_counted() -> None:
    server = ServerConfig(host="127.0.0.1", port=0, trusted_proxies=("127.0.0.1",), proxy_protocol=True)
    node = Node(Config(server=server, apps=(APP,)))
    await node.start()
    try:
        assert isinstance(node._listening.listeners[0], ProxyListener)
        async with http(node.port) as connection:
            await connection.send_bytes(V1)
            assert (await connection.request("GET", "/up")).status == 200
        async with http(node.port) as connection:
            with pytest.raises(Ended):
                await connection.request("GET", "/up")
        assert node.counters.proxy_headers_refused_total == 1
    finally:
        await node.stop(drain_timeout_s=0)


@pytest.mark.parametrize("sent", [b"", V1[:10]])
async def test_a_node_that_has_stopped_waits_for_no_header(sent: bytes) -> None:
    server = ServerConfig(host="127.0.0.1", port=0, trusted_proxies=("127.0.0.1",), proxy_protocol=True)
    node = Node(Config(server=server, apps=(APP,), limits=LimitsConfig(request_timeout_s=60.0)))
    await node.start()
    listener = node._listening.listeners[0]
    assert isinstance(listener, ProxyListener)
    async with http(node.port) as connection:
        await connection.send_bytes(sent)
        async with asyncio.timeout(5):
            while not listener._openings:
                await asyncio.sleep(0.001)
        await node.stop(drain_timeout_s=0)
        with pytest.raises((Ended, ConnectionError)):
            await connection.response()
        assert not listener._openings


async def test_a_node_that_stops_answers_whom_it_has_accepted() -> None:
    """Also where the header is still on its way: a restart of workers refuses nobody."""
    server = ServerConfig(host="127.0.0.1", port=0, trusted_proxies=("127.0.0.1",), proxy_protocol=True)
    node = Node(Config(server=server, apps=(APP,)))
    await node.start()
    listener = node._listening.listeners[0]
    assert isinstance(listener, ProxyListener)
    async with http(node.port) as connection:
        async with asyncio.timeout(5):
            while not listener._openings:
                await asyncio.sleep(0.001)
        stopping = asyncio.ensure_future(node.stop(drain_timeout_s=5))
        for _ in range(5):
            await asyncio.sleep(0)
        await connection.send_bytes(V1)
        assert (await connection.request("GET", "/up")).status == 200
        await stopping


async def test_nothing_is_in_the_way_without_proxies() -> None:
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)))
    await node.start()
    try:
        assert not isinstance(node._listening.listeners[0], ProxyListener)
        assert node._connections.identify is None
    finally:
        await node.stop(drain_timeout_s=0)


def test_a_server_in_a_program_needs_proxies_for_their_protocol() -> None:
    with pytest.raises(ValueError, match="proxy_protocol needs trusted_proxies"):
        Server(apps=[APP], proxy_protocol=True)
    with pytest.raises(ValueError, match=r"Server.trusted_proxies: found \['nowhere'\]"):
        Server(apps=[APP], trusted_proxies=["nowhere"])
