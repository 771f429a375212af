"""What the bus over Redis costs, one kind of operation after the other: CPU time of the node that asks (`node_us`), of
Redis (`redis_us`) and of a node that only receives (`receive_us`), bytes in and out of Redis, memory there.

Operations come alone, one in its turn of the event loop, or many in one turn, where they share a pipeline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import uvloop

from benchmarks.load import node_costs
from benchmarks.load.broker import Broker
from benchmarks.load.far_side import APP_ID, CHANNEL, STAMP_BYTES, listeners, receiving_bus, subscribers
from benchmarks.load.meter import Figures, Meter, enter, plain_client, running_bus
from revurb.bus.brokered import count_reporter, held_counts
from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.bus.redis.keys import Keys
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import ChannelSnapshot, EnterRequest, Member, PublishedEvent

TEXT_BYTES = 150  # `{"event":"bench","data":"<100 B>","channel":"news"}`, as benchmarks.load sends
BATCHES = {1: 400, 10: 2000, 100: 6000}  # in one turn -> events in all
SPREAD = 6400  # events on as many channels
RECEIVERS = (0, 1, 2, 4, 8, 32, 128)
LISTENERS = ((1, 1), (64, 1), (1, 100))  # connections for events of one process, events in a turn
HELD = 1000  # channels that are entered and left
CROWD = 500  # members of a large presence channel
PROCESSES = 1000  # in the count of an app's connections


def once(broker: Broker, *, first: bool) -> Figures:
    """Everything, on a fresh Redis."""
    meter = Meter(broker)
    with _each_change_is_told():
        uvloop.run(_everything(meter, first))
    return meter.figures


@contextmanager
def _each_change_is_told() -> Iterator[None]:
    """Of a count, so that what that costs is seen."""
    before = count_reporter.REPORT_EVERY_S, held_counts.TELL_EVERY_S
    count_reporter.REPORT_EVERY_S = held_counts.TELL_EVERY_S = 0.0
    try:
        yield
    finally:
        count_reporter.REPORT_EVERY_S, held_counts.TELL_EVERY_S = before


def in_a_cluster(broker: Broker) -> Figures:
    """Publishing with a client of a Redis Cluster."""
    meter = Meter(broker)

    async def publishing() -> None:
        async with running_bus("publishing", broker) as bus:
            await publish(bus, 1, 20)
            async with meter.of("cluster_publish_1", BATCHES[1]):
                await publish(bus, 1, BATCHES[1])
            await _spread(bus, 200)
            async with meter.of("cluster_spread_100", SPREAD):
                await _spread(bus, SPREAD)
        await node_costs.heartbeats(meter, cluster=True)

    uvloop.run(publishing())
    return meter.figures


async def _everything(meter: Meter, first: bool) -> None:
    broker = meter.broker
    async with running_bus("publishing", broker) as bus:
        if first:
            await _node_memory(meter, bus)
        await _round_trip(meter)
        into: dict[str, float] = {}
        with receiving_bus(broker, into) as far:
            for batch, events in BATCHES.items():
                await publish(bus, batch, batch * 2)
                async with meter.of(f"publish_{batch}", events, traffic=True, far=far):
                    await publish(bus, batch, events, stamped=batch == 1)
        meter.figures |= {f"latency.{name}": value for name, value in into.items()}
        for receivers in RECEIVERS:
            before = broker.figures()["memory"]
            with subscribers(broker, receivers):
                if receivers == max(RECEIVERS):
                    grown = broker.figures()["memory"] - before
                    meter.figures["subscriber.redis_memory_bytes"] = grown / receivers
                for batch in (1, 100):
                    events = BATCHES[batch] // 2
                    async with meter.of(f"publish_{batch}_to_{receivers}", events, traffic=batch > 1):
                        await publish(bus, batch, events)
        for count, batch in LISTENERS:
            with listeners(broker, count) as far:
                await publish(bus, batch, batch * 2)
                async with meter.of(f"listen_{count}_{batch}", BATCHES[batch], far=far):
                    await publish(bus, batch, BATCHES[batch])
        await _spread(bus, 200)
        async with meter.of("spread_100", SPREAD, traffic=True):
            await _spread(bus, SPREAD)
        await _channels(meter, bus)
        await _presence(meter, bus)
        await _connections(meter, bus)
    await node_costs.all_of(meter)


async def publish(bus: BrokeredBus, batch: int, events: int, *, stamped: bool = False) -> None:
    """So many events of TEXT_BYTES on CHANNEL, `batch` in one turn of the event loop."""
    filler = b"x" * (TEXT_BYTES - STAMP_BYTES)
    for _ in range(events // batch):
        stamp = b"%020.6f" % time.monotonic() if stamped else b" " * STAMP_BYTES
        sent = [bus.publish(PublishedEvent(APP_ID, CHANNEL, stamp + filler)) for _ in range(batch)]
        for accepted in sent:
            if accepted is not None:
                await accepted
        if batch == 1:
            await asyncio.sleep(0.001)  # so that the receiver has its turn alone too


async def _round_trip(meter: Meter) -> None:
    took_us = []
    async with plain_client(meter.broker) as bare:
        for _ in range(300):
            started_at = time.monotonic()
            await bare.ping()
            took_us.append((time.monotonic() - started_at) * 1e6)
    meter.figures["latency.round_trip_us"] = sorted(took_us)[len(took_us) // 2]


async def _spread(bus: BrokeredBus, events: int) -> None:
    """100 in a turn, on a channel each, so that all partitions take part."""
    for start in range(0, events, 100):
        sent = [
            bus.publish(PublishedEvent(APP_ID, f"log-{n}", b"x" * TEXT_BYTES))
            for n in range(start, start + 100)
        ]
        for accepted in sent:
            if accepted is not None:
                await accepted


async def _channels(meter: Meter, bus: BrokeredBus) -> None:
    await enter(bus, [f"warm-{number}" for number in range(300)])  # so that each partition has its marks
    names = [f"private-user-{number:08}" for number in range(HELD)]
    async with meter.of("enter_100", HELD - 200, traffic=True):
        for start in range(200, HELD, 100):
            await enter(bus, names[start : start + 100])
    async with meter.of("enter_1", 200):
        for name in names[:200]:
            await enter(bus, [name])
    async with meter.of("count_100", HELD):  # one more subscriber of what this node has already
        for start in range(0, HELD, 100):
            await enter(bus, names[start : start + 100])
            await bus.connections(APP_ID)
    async with meter.of("count_1", 200):
        for name in names[:200]:
            bus.leave(APP_ID, name, None)
            await asyncio.sleep(0.001)
    for name in names[200:]:
        bus.leave(APP_ID, name, None)
    await bus.connections(APP_ID)
    async with meter.of(
        "leave_100", HELD
    ):  # the last of each channel: its count, and after a while its topic
        for start in range(0, HELD, 100):
            for name in names[start : start + 100]:
                bus.leave(APP_ID, name, None)
            await bus.connections(APP_ID)
        await asyncio.sleep(1.1)
        bus.tick()
        await bus.connections(APP_ID)


async def _presence(meter: Meter, bus: BrokeredBus) -> None:
    """Alone in a channel, and as one of many: what grows with them is the list."""
    users = count()
    for size, times in ((0, 200), (CROWD, 50)):
        channels = [f"presence-of-{size}"] * times if size else [f"presence-{n}" for n in range(times)]
        joining = [_member(next(users)) for _ in channels]
        for member in [_member(next(users)) for _ in range(size)]:
            await _join(bus, channels[0], member)
        async with meter.of(f"join_{size}", times, traffic=True):
            for channel, member in zip(channels, joining, strict=True):
                await _join(bus, channel, member)
        async with meter.of(f"part_{size}", times):
            for channel, member in zip(channels, joining, strict=True):
                bus.leave(APP_ID, channel, member.user_id)
                await bus.connections(APP_ID)


async def _connections(meter: Meter, bus: BrokeredBus) -> None:
    """Each connection that comes or goes changes a count; with a limit Redis lends places for them."""
    async with meter.of("connection_1", 300):
        for _ in range(300):
            bus.admit(APP_ID, None)
            await asyncio.sleep(0.001)
    others = {f"node-{number}": 20_000 for number in range(PROCESSES)}
    async with plain_client(meter.broker) as client:
        await client.hset(Keys("revurb").connections(APP_ID), mapping=others)
    async with meter.of(f"admit_of_{PROCESSES}", 200):
        for number in range(200):
            granted = bus.admit(APP_ID, 10**9 + number)  # with another limit nothing is lent
            assert isinstance(granted, Awaitable)
            await granted


async def _node_memory(meter: Meter, bus: BrokeredBus) -> None:
    """Of a channel: in the process that has a subscriber of it, and in Redis. Once: freed memory is used again."""
    await enter(bus, [f"before-{number}" for number in range(300)])
    before, redis_before = _rss_bytes(), meter.broker.figures()["memory"]
    names = [f"private-held-{number:08}" for number in range(10_000)]
    for start in range(0, len(names), 500):
        await enter(bus, names[start : start + 500])
    meter.figures["channel.node_memory_bytes"] = (_rss_bytes() - before) / len(names)
    in_redis = meter.broker.figures()["memory"] - redis_before
    meter.figures["channel.redis_memory_bytes"] = in_redis / len(names)
    for name in names:
        bus.leave(APP_ID, name, None)
    await asyncio.sleep(1.1)
    bus.tick()
    await bus.connections(APP_ID)


async def _join(bus: BrokeredBus, channel: str, member: Member) -> None:
    entered: asyncio.Future[ChannelSnapshot] = asyncio.get_running_loop().create_future()
    added = MEMBER_EVENTS.added(channel, member)
    bus.enter(EnterRequest(APP_ID, channel, member, added, False), entered.set_result)
    await entered


def _member(number: int) -> Member:
    return Member(f"{number}", b"%d" % number, b'{"name":"User %d"}' % number)


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def names(rounds: list[Figures]) -> Iterator[str]:
    """Of all figures, in the order in which they were taken."""
    yield from dict.fromkeys(name for figures in rounds for name in figures)
