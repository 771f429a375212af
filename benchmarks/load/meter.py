"""Charging what is done on a Redis to who did it: this process, Redis, one more process; and buses to do it with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load.broker import Broker, cpu_us
from benchmarks.load.far_side import APP_ID, Receiver, bus_of
from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.pusher.ports import ChannelSnapshot, EnterRequest

SETTLED_S = 0.05

Figures = dict[str, float]


@dataclass(slots=True)
class Meter:
    """Measures on one Redis; `figures` are what was found."""

    broker: Broker
    figures: Figures = field(default_factory=dict)

    @asynccontextmanager
    async def of(
        self, name: str, times: int, *, traffic: bool = False, far: int | None = None
    ) -> AsyncIterator[None]:
        """What the block costs, divided by `times`."""
        before = self.broker.figures() if traffic else {}
        redis_us, node_us, far_us = self._now(far)
        yield
        node_us = time.process_time() * 1e6 - node_us
        await asyncio.sleep(SETTLED_S)  # whatever Redis and the far side have left to do
        after_us = self._now(far)
        self.figures[f"{name}.node_us"] = node_us / times
        self.figures[f"{name}.redis_us"] = (after_us[0] - redis_us) / times
        if far is not None:
            self.figures[f"{name}.receive_us"] = (after_us[2] - far_us) / times
        if traffic:
            after = self.broker.figures()
            for what in ("in", "out", "memory"):
                self.figures[f"{name}.redis_{what}_bytes"] = (after[what] - before[what]) / times

    def _now(self, far: int | None) -> tuple[float, float, float]:
        return self.broker.cpu_us(), time.process_time() * 1e6, 0.0 if far is None else cpu_us(far)


@asynccontextmanager
async def running_bus(name: str, broker: Broker) -> AsyncIterator[BrokeredBus]:
    bus = bus_of(name, broker, Receiver())
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def enter(bus: BrokeredBus, channels: list[str]) -> None:
    """Subscribe to all in one turn; returns when the last is in."""
    entered = asyncio.get_running_loop().create_future()
    left = len(channels)

    def one(_: ChannelSnapshot) -> None:
        nonlocal left
        left -= 1
        if not left:
            entered.set_result(None)

    for channel in channels:
        bus.enter(EnterRequest(APP_ID, channel, None, b"", False), one)
    await entered


@asynccontextmanager
async def plain_client(broker: Broker) -> AsyncIterator[Any]:
    """A client that is closed at the end of the block whatever happens: uvloop waits for ever to close a loop in which
    one is not."""
    client = broker.client()
    try:
        yield client
    finally:
        await client.aclose()
