"""Whose request it is, on connections of proxies."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.config import Config, ServerConfig
from revurb.node.node import Node
from revurb.wire.http import Request
from tests.client import http
from tests.node.test_behind_proxies import APP


async def clients_of(server: ServerConfig, headers: list[tuple[str, str]], ahead: bytes = b"") -> list[str]:
    """What requests say about who sent them, that come to a node, with these bytes ahead of the first."""
    node = Node(Config(server=server, apps=(APP,)))
    await node.start()
    seen: list[str] = []
    handler: Any = node._connections.handler

    class Noting:
        def on_request(self, request: Request) -> Any:
            seen.append(request.client)
            return handler.on_request(request)

    node._connections.handler = Noting()
    try:
        async with http(node.port) as connection:
            if ahead:
                await connection.send_bytes(ahead)
            for header in headers:
                await connection.request("GET", "/up", headers=[header])
    finally:
        await node.stop(drain_timeout_s=0)
    return seen


async def test_a_request_says_whose_it_is_where_proxies_are_trusted() -> None:
    server = ServerConfig(host="127.0.0.1", port=0, trusted_proxies=("127.0.0.1",))
    first, second = await clients_of(server, [("X-Forwarded-For", "192.0.2.7"), ("Accept", "*/*")])
    assert first == "192.0.2.7"
    assert second.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        (("*",), "203.0.113.9:1234"),  # whoever connects is a proxy, and its client is none
        (("127.0.0.1",), "203.0.113.9:1234"),
        (("*", "203.0.113.0/24"), "192.0.2.7"),
    ],
)
async def test_a_client_that_a_proxy_header_names_is_not_believed_by_a_star(
    trusted: tuple[str, ...], client: str
) -> None:
    server = ServerConfig(host="127.0.0.1", port=0, trusted_proxies=trusted, proxy_protocol=True)
    made_up = [("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=192.0.2.7")]
    seen = await clients_of(server, made_up, b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 8080\r\n")
    assert seen == [client, client]


async def test_a_proxy_header_that_names_nobody_leaves_the_word_to_the_proxy() -> None:
    server = ServerConfig(host="127.0.0.1", port=0, trusted_proxies=("*",), proxy_protocol=True)
    seen = await clients_of(server, [("X-Forwarded-For", "192.0.2.7")], b"PROXY UNKNOWN\r\n")
    assert seen == ["192.0.2.7"]


async def test_without_proxies_nobody_asks() -> None:
    server = ServerConfig(host="127.0.0.1", port=0)
    assert await clients_of(server, [("X-Forwarded-For", "192.0.2.7")]) == [""]
