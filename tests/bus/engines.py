"""The engines under test but those on a Redis, each as a cluster of nodes that share this event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.event_log import shared_log
from revurb.bus.hub.hub_link import HubLink
from revurb.bus.hub.hub_server import HubServer
from revurb.bus.local import LocalBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.facts import FactQueue, QueuedFact, WantedFacts
from revurb.pusher.history import Resume
from revurb.pusher.ports import (
    Bus,
    ChannelSnapshot,
    DeliverableEvent,
    EnterRequest,
    MaybeAwaitable,
    Member,
    PublishedEvent,
)

T = TypeVar("T")
APP = "app1"
LEASE_S = 0.6
DEADLINE_S = 10.0
ANN = Member("ann", b'"ann"', b'{"tab":1}')
BOB = Member("bob", b'"bob"', b"null")
ROOM = "presence-room"


async def resolve(soon: MaybeAwaitable[T]) -> T:
    """The value, whether it came at once or has to be awaited."""
    return await soon if isinstance(soon, Awaitable) else soon


class BusNode:
    """A node's side of the bus. `received` holds every event that the bus delivered: (channel, text, excepted socket
    id)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[tuple[str, bytes, str | None]] = []
        self.terminated: list[str] = []
        self.bus: Any = None
        self.queue: FactQueue | None = None
        self.is_sending = False
        self.kept: Mapping[str, bytes] = {}
        self.facts: list[QueuedFact] = []  # since this node has been the one that sends
        self._changed = asyncio.Event()

    # What the bus calls about facts (`FactSender`).

    def begin(self, kept: Mapping[str, bytes]) -> None:
        self.is_sending, self.kept, self.facts = True, kept, []
        self._changed.set()

    def take(self, facts: Sequence[QueuedFact]) -> None:
        assert self.is_sending
        self.facts += facts
        self._changed.set()

    def end(self) -> None:
        self.is_sending, self.facts = False, []
        self._changed.set()

    def told(self, channel: str | None = None) -> list[tuple[str, str]]:
        """The facts: of the channel (kind, user id), or of all channels (kind, channel)."""
        if channel is None:
            return [(fact.kind, fact.channel) for _, fact in self.facts]
        return [(fact.kind, fact.user_id) for _, fact in self.facts if fact.channel == channel]

    def deliver(self, event: DeliverableEvent) -> None:
        assert event.app_id == APP
        self.received.append((event.channel, event.text, event.except_socket_id))
        self._changed.set()

    def terminate(self, app_id: str, user_id: str) -> None:
        self.terminated.append(user_id)
        self._changed.set()

    def answer(self, question: bytes) -> bytes:
        return question + b" " + self.name.encode()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the condition is true. It is checked whenever something is delivered, and every 20 ms."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    def texts(self, channel: str = "news") -> list[bytes]:
        return [text for name, text, _ in self.received if name == channel]

    async def enter(
        self,
        channel: str = "news",
        user: Member | None = None,
        *,
        want_cached: bool = False,
        want_members: bool = False,
        want_position: bool = False,
        resume: Resume | None = None,
    ) -> ChannelSnapshot:
        """Subscribe. Returns the snapshot that the subscriber gets. `received` is cleared at that point, so that it
        holds what comes after."""
        entered: asyncio.Future[ChannelSnapshot] = asyncio.get_running_loop().create_future()

        def then(value: ChannelSnapshot) -> None:
            self.received.clear()
            entered.set_result(value)

        added = b"" if user is None else MEMBER_EVENTS.added(channel, user)
        bus: Bus = self.bus
        request = EnterRequest(APP, channel, user, added, want_cached, want_members, 0, want_position, resume)
        bus.enter(request, then)
        async with asyncio.timeout(DEADLINE_S):
            return await entered

    async def publish(self, text: bytes, channel: str = "news", **more: Any) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await resolve(self.bus.publish(PublishedEvent(APP, channel, text, **more)))


async def texts_up_to(node: BusNode, last: bytes, channel: str = "news") -> list[bytes]:
    """Everything that came on the channel, once the event `last` has come."""
    await node.until(lambda: last in node.texts(channel))
    return node.texts(channel)


async def has_received(node: BusNode, count: int) -> None:
    await node.until(lambda: len(node.received) >= count)


class NodeGroup(Protocol):
    """Some nodes. `wanted` are the facts that those want which are started from now on."""

    wanted: WantedFacts | None
    nodes: list[BusNode]

    async def node(self) -> BusNode:
        """Start one more node."""

    async def kill(self, node: BusNode) -> None:
        """End a node as `kill -9` does."""

    async def close(self) -> None: ...


class Cluster(NodeGroup, Protocol):
    """Some nodes and the broker that connects them."""

    async def outage(self) -> None:
        """Take the broker away."""

    async def recover(self) -> None:
        """Bring the broker back, without its data."""


async def tick_forever(bus: Bus) -> None:
    while True:
        bus.tick()  # type: ignore[attr-defined]  # every engine has one
        await asyncio.sleep(0.02)


class StartedNodes:
    """Nodes that tick on this event loop, which an engine starts and connects."""

    wanted: WantedFacts | None = None  # by nodes that are started from now on

    def __init__(self) -> None:
        self.nodes: list[BusNode] = []
        self._ticking: dict[BusNode, asyncio.Task[None]] = {}

    async def _start(self, node: BusNode) -> BusNode:
        if self.wanted is not None:
            node.queue = node.bus.tell_facts(self.wanted, node)
        await node.bus.start()
        self.nodes.append(node)
        self._ticking[node] = asyncio.create_task(tick_forever(node.bus))
        return node

    async def kill(self, node: BusNode) -> None:
        self.nodes.remove(node)
        self._ticking.pop(node).cancel()

    async def close(self) -> None:
        for node in tuple(self.nodes):
            self._ticking.pop(node).cancel()
            await node.bus.stop()
        self.nodes.clear()


class LocalCluster(StartedNodes):
    """One node, and no broker."""

    async def node(self) -> BusNode:
        assert not self.nodes, "the local bus is for one process"
        node = BusNode("node0")
        node.bus = LocalBus(node, MEMBER_EVENTS, asyncio.get_running_loop().time)
        return await self._start(node)


class HubCluster(StartedNodes):
    """Workers and the hub, over a real Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path / "hub.sock")
        self._memory = contextlib.ExitStack()
        self._log = self._memory.enter_context(shared_log(16))
        self.hub: HubServer | None = None

    async def node(self) -> BusNode:
        if self.hub is None:
            await self._open(0)
        node = BusNode(f"node{len(self.nodes)}")
        node.bus = BrokeredBus(
            node.name, node, MEMBER_EVENTS, lambda owner: HubLink(self._path, self._log, owner, LEASE_S / 5)
        )
        return await self._start(node)

    async def kill(self, node: BusNode) -> None:
        await super().kill(node)
        await node.bus._link.stop()

    async def outage(self) -> None:
        assert self.hub is not None
        await self.hub.stop()

    async def recover(self) -> None:
        await self._open(len(self.nodes))

    async def close(self) -> None:
        await super().close()
        if self.hub is not None:
            await self.hub.stop()
        self._memory.close()

    async def _open(self, expected: int) -> None:
        loop = asyncio.get_running_loop()
        broker = Broker(MEMBER_EVENTS, self._log, loop.time, lease_s=LEASE_S, expected_workers=expected)
        self.hub = HubServer(broker, self._path)
        await self.hub.start()
