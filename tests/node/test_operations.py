"""A node that goes out of service and comes back."""

from __future__ import annotations

from revurb import App
from revurb.config import Config, ServerConfig
from revurb.node.node import Node
from tests.client import connect

APP = App(id="1", key="key1", secret="secret")


async def test_going_out_of_service_and_coming_back_before_all_are_closed() -> None:
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)))
    await node.start()
    async with connect(node.port, "key1") as one, connect(node.port, "key1") as two:
        node.operations.take_out(over_s=3600)
        node.operations.take_out()  # it is already
        assert node.unready() == "draining"
        node.operations.take_back()
        assert node.unready() is None
        node.operations.take_back()
        codes = []
        for client in (one, two):
            frames = await client.flushed() if client.close_code is None else []
            codes += [frame.close_code for frame in frames if frame.opcode == 8]
        assert codes in ([4200], [])  # the first goes at once
    await node.stop(drain_timeout_s=0)


async def test_who_is_out_of_service_may_be_told_another_time() -> None:
    node = Node(Config(server=ServerConfig(host="127.0.0.1", port=0), apps=(APP,)))
    await node.start()
    async with connect(node.port, "key1") as one, connect(node.port, "key1") as two:
        node.operations.take_out(over_s=3600)
        node.operations.take_out(over_s=0)
        for client in (one, two):
            assert await client.closed() == 4200
        async with connect(node.port, "key1") as late:
            node.operations.take_out()
            await late.expect_silence()
    await node.stop(drain_timeout_s=0)
