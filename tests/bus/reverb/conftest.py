"""Revurb nodes and simulated PHP nodes on one real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.redis.redis_link import RedisLink
from revurb.bus.reverb.bridged_bus import BridgedBus
from revurb.bus.reverb.reverb_bridge import ReverbBridge
from revurb.node.member_event_texts import MEMBER_EVENTS
from tests.bus.engines import APP, LEASE_S, BusNode
from tests.bus.redis_engines import RedisCluster
from tests.bus.reverb import php_model
from tests.bus.reverb.php_node import OldPhpNode, PhpNode
from tests.conftest import Run
from tests.redis_server import RedisServer

CACHE_TTL_S = 600


class MixedCluster(RedisCluster):
    """At its end, no PHP node may have been sent anything that it could not read, nor anything secret."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server)
        self.server = server
        self.bridges: dict[BusNode, ReverbBridge] = {}
        self.php_nodes: list[PhpNode] = []

    async def node(
        self,
        protocol: Literal["auto", "reverb"] = "auto",
        release: Literal["auto", "1.6", "1.7"] = "1.7",
    ) -> BusNode:
        await self.server.start()
        return await self.node_without_server(protocol, release)

    async def node_without_server(
        self,
        protocol: Literal["auto", "reverb"] = "auto",
        release: Literal["auto", "1.6", "1.7"] = "1.7",
    ) -> BusNode:
        node = BusNode(f"node{len(self.nodes)}")
        bridge = ReverbBridge(
            node.name,
            self.server.client,
            node,
            protocol=protocol,
            release=release,
            cached_for_s=lambda channel: CACHE_TTL_S if channel.startswith("cache-") else 0,
        )
        events = MEMBER_EVENTS._replace(on_published=bridge.on_member_event)
        inner = BrokeredBus(
            node.name,
            node,
            events,
            lambda owner: RedisLink(owner, node.name, self.server.client, events, lease_s=LEASE_S),
        )
        node.bus = BridgedBus(inner, bridge)
        self.bridges[node] = bridge
        return await self._start(node)

    async def php(self, **clients: dict[str, str | None]) -> PhpNode:
        """Start one more PHP node, and wait until all Revurb nodes have counted it. `s_1={"news": None}` is a client
        with socket id s.1."""
        return await self._start_php(PhpNode(self.server, **clients))

    async def old_php(self, **clients: dict[str, str | None]) -> PhpNode:
        """As `php`, of a release up to 1.6.3."""
        return await self._start_php(OldPhpNode(self.server, **clients))

    async def _start_php(self, node: PhpNode) -> PhpNode:
        await self.server.start()
        self.php_nodes.append(node)
        await node.start()
        for each in self.nodes:
            await self.sees(each, len([php for php in self.php_nodes if php.running]))
        return node

    async def sees(self, node: BusNode, php_nodes: int) -> None:
        await node.until(lambda: self.bridges[node].php_nodes == php_nodes)

    async def everything_sent(self, node: BusNode) -> None:
        """Wait until Redis has everything that the node sent, to other Revurb nodes and to PHP nodes."""
        await node.bus._bus.connections(APP)
        commands = self.bridges[node]._commands
        assert commands is not None
        await commands.flush()

    async def kill(self, node: BusNode) -> None:
        self.nodes.remove(node)
        self._ticking.pop(node).cancel()
        for task in (node.bus._bus._link._task, self.bridges[node]._task):
            assert task is not None
            task.cancel()
            await asyncio.wait((task,))

    async def close(self) -> None:
        for each in tuple(self.nodes):
            self._ticking.pop(each).cancel()
            await each.bus.stop()
        for node in self.php_nodes:
            if node.running and not node.dead:
                await node.everything()
            await node.stop()
        await self.server.kill()
        for node in self.php_nodes:
            assert node.dead is None, node.dead
            for data in node.received:
                assert b"secret" not in data or b'"origin"' not in data
                (php_model.receive_as_old if node.is_old else php_model.receive)(data)


@pytest.fixture
def mixed(run: Run, tmp_path: Path, need: Callable[[str], str]) -> Iterator[MixedCluster]:
    cluster = MixedCluster(RedisServer(need("redis-server"), tmp_path))
    yield cluster
    run(cluster.close())
