"""The bus of Revurb's nodes together with the PHP nodes of the same Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from revurb.bus.engine import BusEngine, BusHealth
from revurb.bus.redis.shared_redis import SharedReader
from revurb.bus.reverb import php
from revurb.bus.reverb.metrics_answers import LocalQueries
from revurb.bus.reverb.metrics_requests import Payload, add_channels, add_connections, add_members, add_states
from revurb.bus.reverb.reverb_bridge import ReverbBridge
from revurb.pusher.facts import Fact, FactQueue, FactSender, WantedFacts
from revurb.pusher.history import HistoryPage, Position
from revurb.pusher.ports import (
    ChannelSnapshot,
    ChannelState,
    EnterRequest,
    MaybeAwaitable,
    Member,
    PublishedEvent,
)

T = TypeVar("T")
R = TypeVar("R")

_INFO = "subscription_count,user_count"


class BridgeableBus(BusEngine, Protocol):
    """A bus of several nodes that gives access to this node's own state."""

    @property
    def local_view(self) -> LocalQueries:
        """This node's own state, without that of the others."""


class BridgedBus:
    """Publishes to the nodes of `bus` and over `bridge`, and adds up the answers of both.

    Each Revurb node tells the PHP nodes itself what happens there, and receives over its own bridge what PHP nodes
    publish. `reader` is what the bridge receives with, if its Redis is a `SharedRedis`.
    """

    # What PHP nodes have no part in is the bus's own.
    leave: Callable[[str, str, str | None], None]
    admit: Callable[[str, int | None], MaybeAwaitable[bool]]
    release: Callable[[str], None]
    survey: Callable[[bytes, float], MaybeAwaitable[Sequence[bytes]]]
    tell_facts: Callable[[WantedFacts, FactSender], FactQueue]
    record: Callable[[Fact], None]

    def __init__(self, bus: BridgeableBus, bridge: ReverbBridge, reader: SharedReader | None = None) -> None:
        self._bus = bus
        self._bridge = bridge
        self._reader = reader
        bridge.answer_from(bus.local_view)
        self._asking: set[asyncio.Task[None]] = set()
        self.leave = bus.leave
        self.admit = bus.admit
        self.release = bus.release
        self.survey = bus.survey
        self.tell_facts = bus.tell_facts
        self.record = bus.record

    async def start(self) -> None:
        """Connect to the bus and to the PHP nodes."""
        if self._reader is not None:
            self._reader.start()
        await asyncio.gather(self._bus.start(), self._bridge.start())

    async def stop(self) -> None:
        """Disconnect from the bus and from the PHP nodes."""
        for task in self._asking:
            task.cancel()
        await self._bus.stop()  # first: members leave, which PHP nodes' clients must be told
        await self._bridge.stop()
        if self._reader is not None:
            self._reader.stop()

    def tick(self) -> None:
        """Do what is due. To be called a few times a second."""
        self._bus.tick()
        if self._reader is not None:
            self._reader.look()

    def hold_receiving(self, is_held: bool) -> None:
        """Receive nothing more, of Revurb nodes and of PHP nodes, for as long as `is_held`."""
        self._bus.hold_receiving(is_held)
        self._bridge.hold_receiving(is_held)

    @property
    def degraded(self) -> str | None:
        """Why this node is cut off from other Revurb nodes; None while it is connected."""
        return self._bus.degraded

    @property
    def health(self) -> BusHealth:
        """How well this node keeps up with the bus. An event that neither Revurb nodes nor PHP nodes will get counts as
        two that were dropped."""
        health = self._bus.health
        return health._replace(
            dropped=health.dropped + self._bridge.dropped,
            invalid=health.invalid + self._bridge.invalid_messages,
            php_nodes=self._bridge.php_nodes,
        )

    def publish(self, event: PublishedEvent) -> MaybeAwaitable[None]:
        accepted = self._bus.publish(event)
        if not self._bridge.is_sending:  # nearly always
            return accepted
        return accepted_by_both(accepted, self._bridge.publish(event))

    def publish_kept(self, event: PublishedEvent) -> MaybeAwaitable[str | None]:
        kept = self._bus.publish_kept(event)
        if not self._bridge.is_sending:
            return kept
        if isinstance(kept, str):  # the application sends it again, and then PHP nodes get it as well
            return kept
        return accepted_by_both(kept, self._bridge.publish(event))

    def enter(self, request: EnterRequest, on_entered: Callable[[ChannelSnapshot], None]) -> None:
        """As the bus does. PHP nodes' users count against a limit of members, and are asked for before."""
        if request.max_members and request.member is not None and self._bridge.php_nodes:
            task = asyncio.ensure_future(self._enter_unless_full(request, request.member, on_entered))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        else:
            self._bus.enter(request, on_entered)

    async def _enter_unless_full(
        self, request: EnterRequest, member: Member, on_entered: Callable[[ChannelSnapshot], None]
    ) -> None:
        found = self.members(request.app_id, request.channel)
        members = await found if isinstance(found, Awaitable) else found
        user_ids = {each.user_id for each in members}
        if len(user_ids) >= request.max_members and member.user_id not in user_ids:
            on_entered(ChannelSnapshot(is_full=True))
        else:
            self._bus.enter(request, on_entered)

    def terminate(self, app_id: str, user_id: str) -> MaybeAwaitable[None]:
        return accepted_by_both(self._bus.terminate(app_id, user_id), self._bridge.terminate(app_id, user_id))

    def channels(self, app_id: str, prefix: str) -> MaybeAwaitable[Mapping[str, ChannelState]]:
        found = self._bus.channels(app_id, prefix)
        options = {"filter": prefix or None, "info": _INFO}
        return self._with_php(found, "CHANNELS", app_id, options, add_channels)

    def describe(self, app_id: str, channels: Sequence[str]) -> MaybeAwaitable[Sequence[ChannelState]]:
        states = self._bus.describe(app_id, channels)
        if not channels:
            return states
        options = {"info": _INFO, "channels": list(dict.fromkeys(channels))}
        return self._with_php(
            states,
            "CHANNELS",
            app_id,
            options,
            lambda states, answers: add_states(channels, states, answers),
        )

    def members(self, app_id: str, channel: str) -> MaybeAwaitable[Sequence[Member]]:
        return self._with_php(
            self._bus.members(app_id, channel), "CHANNEL_USERS", app_id, {"channel": channel}, add_members
        )

    def history(
        self, app_id: str, channel: str, after: Position | None, limit: int
    ) -> MaybeAwaitable[HistoryPage]:
        return self._bus.history(app_id, channel, after, limit)

    def forget_history(self, app_id: str, channel: str) -> MaybeAwaitable[bool]:
        return self._bus.forget_history(app_id, channel)

    def connections(self, app_id: str) -> MaybeAwaitable[int]:
        return self._with_php(self._bus.connections(app_id), "CONNECTIONS", app_id, {}, add_connections)

    def _with_php(
        self,
        bus_answer: MaybeAwaitable[T],
        kind: str,
        app_id: str,
        options: Mapping[str, php.PhpWritable],
        add: Callable[[T, Sequence[Payload]], R],
    ) -> MaybeAwaitable[T | R]:
        """The bus's own answer, added up with those of the PHP nodes if there are any."""
        if not self._bridge.php_nodes:
            return bus_answer

        async def merged() -> R:
            answers = await self._bridge.ask(kind, app_id, options)
            return add(await bus_answer if isinstance(bus_answer, Awaitable) else bus_answer, answers)

        return merged()


def accepted_by_both(
    first: Awaitable[T | None] | None, second: asyncio.Future[None] | None
) -> Awaitable[T | None] | None:
    """Done when both are, with the result of the first. Like each of them, it need not be awaited."""
    if second is None:
        return first
    if first is None:
        return second
    waiting = (asyncio.ensure_future(first), second)
    both: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

    def done(one: object) -> None:
        if all(each.done() for each in waiting) and not both.done():
            both.set_result(waiting[0].result())

    for each in waiting:
        each.add_done_callback(done)
    return both
