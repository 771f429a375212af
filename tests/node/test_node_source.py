"""What a node alone tells its admin listener."""

from __future__ import annotations

import json

import pytest

from revurb import App
from revurb.config import config_of
from revurb.node.node import Node
from revurb.node.node_source import NodeSource, start_with_admin
from revurb.transport.listener import ListenError

APP = App(id="1", key="k", secret="s")


async def test_the_node_is_the_only_process() -> None:
    node = Node(config_of({"server.port": 0}, (APP,)))
    await node.start()
    source = NodeSource(node)
    try:
        figures = source.figures()
        assert figures.values["process_connections"] == {("node",): [0]}
        assert figures.values["ready"] == {(): [1]}
        assert figures.values["processes"] == {("ready",): [1]}
        node.announce_drain()
        assert source.unready() == "draining"
        assert source.figures().values["ready"] == {(): [0]}
        assert source.figures().values["processes"] == {("draining",): [1]}
        assert json.loads(source.status_json())["state"] == "draining"
        assert NodeSource(node, lambda: b"{}").status_json() == b"{}"
    finally:
        await node.stop(0)


async def test_neither_starts_where_the_listener_cannot() -> None:
    values = {"server.port": 0, "server.host": "127.0.0.1", "admin.port": 0, "admin.host": "192.0.2.1"}
    node = Node(config_of(values, (APP,)))
    with pytest.raises(ListenError, match=r"192.0.2.1:0"):
        await start_with_admin(node, NodeSource(node))
    assert node.unready() == "draining"
