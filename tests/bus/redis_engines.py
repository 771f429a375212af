"""The engines on a real Redis under test: nodes that are linked with it, alone or through the relay of their host."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from pathlib import Path
from typing import Any, Protocol

from revurb.bus.brokered.broker_link import BrokerLinkOwner
from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.hub.event_log import PLACES, LogDescriptors, shared_log
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.redis_link import RedisLink
from revurb.bus.relay.relay_reader import RelayReader
from revurb.bus.relay.relay_server import RelayServer
from revurb.bus.relay.relayed_redis import RelayedRedis
from revurb.node.member_event_texts import MEMBER_EVENTS
from tests.bus.engines import LEASE_S, BusNode, StartedNodes


class Server(Protocol):
    """A Redis of any kind."""

    def client(self, behind: Any = None) -> AnyRedis:
        """A client; `behind` leads it through a proxy."""

    async def start(self) -> None: ...
    async def kill(self) -> None: ...


class RedisCluster(StartedNodes):
    """Nodes and a real Redis. `behind` leads nodes, by number, through a proxy. A server that is `shared` goes on at
    the end; this cluster's keys have a prefix of their own. `more` is for the links."""

    def __init__(self, server: Server, lease_s: float = LEASE_S, shared: bool = False, **more: Any) -> None:
        self._more = more
        super().__init__()
        self._shared = shared
        self._prefix = f"revurb-{secrets.token_hex(4)}" if shared else "revurb"
        self.behind: dict[int, Any] = {}
        self._server = server
        self._lease_s = lease_s

    async def node(self) -> BusNode:
        await self._server.start()
        return await self.node_without_server()

    async def node_without_server(self) -> BusNode:
        """Start one more node, whether the server runs or not."""
        node = BusNode(f"node{len(self.nodes)}")
        node.bus = BrokeredBus(node.name, node, MEMBER_EVENTS, lambda owner: self._link(owner, node))
        return await self._start(node)

    async def kill(self, node: BusNode) -> None:
        await super().kill(node)
        task = node.bus._link._task
        task.cancel()
        await asyncio.wait((task,))

    async def outage(self) -> None:
        await self._server.kill()

    async def recover(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        await super().close()
        if not self._shared:
            await self._server.kill()

    def _link(self, owner: BrokerLinkOwner, node: BusNode) -> RedisLink:
        server, behind = self._server, self.behind.get(len(self.nodes))
        return RedisLink(
            owner,
            node.name,
            lambda: server.client(behind),
            MEMBER_EVENTS,
            keys=Keys(self._prefix),
            lease_s=self._lease_s,
            **self._more,
        )


class RelayedCluster(RedisCluster):
    """The same on `hosts` hosts, in turn: the nodes of one are its workers, which reach the Redis through its relay. A
    node that is led through a proxy has a host of its own. Sockets are in the folder `path`; the log of a host has so
    many `places`."""

    def __init__(self, server: Server, path: Path, hosts: int = 1, places: int = PLACES, **more: Any) -> None:
        super().__init__(server, **more)
        self._places = places
        self._path = path
        self._hosts = hosts
        self._memory = contextlib.ExitStack()
        self._logs: dict[int, LogDescriptors] = {}
        self._relays: dict[int, RelayServer] = {}

    async def node_without_server(self) -> BusNode:
        number = len(self.nodes)
        host, behind = self._host_of(number), self.behind.get(number)
        if host not in self._relays:
            server = self._server
            log = self._logs[host] = self._memory.enter_context(shared_log(16, self._places))
            relay = RelayServer(self._address(host), log, lambda: server.client(behind), 2.0)
            self._relays[host] = relay
            await relay.start()
        return await super().node_without_server()

    async def kill(self, node: BusNode) -> None:
        await super().kill(node)
        node.bus._link._reader.stop()

    async def close(self) -> None:
        await super().close()
        for host in tuple(self._relays):
            await self._relays.pop(host).stop()
        self._memory.close()

    def _host_of(self, number: int) -> int:
        return self._hosts + number if number in self.behind else number % self._hosts

    def _address(self, host: int) -> str:
        return str(self._path / f"relay{host}.sock")

    def _link(self, owner: BrokerLinkOwner, node: BusNode) -> RedisLink:
        host = self._host_of(len(self.nodes))
        reader = RelayReader(self._logs[host])
        return RedisLink(
            owner,
            node.name,
            lambda: RelayedRedis(self._address(host), reader),
            MEMBER_EVENTS,
            keys=Keys(self._prefix),
            lease_s=self._lease_s,
            reader=reader,
            **self._more,
        )
