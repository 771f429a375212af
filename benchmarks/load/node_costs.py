"""What nodes cost without any client's doing: leases, heartbeats, leaving, coming back after Redis was away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from benchmarks.load.far_side import APP_ID, Receiver, bus_of
from benchmarks.load.meter import Meter, enter, plain_client, running_bus
from revurb.bus.redis.catch_up import ENTRIES_PER_LOOK, ENTRIES_PER_READ
from revurb.bus.redis.envelope import packed_topic
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.scripts import Scripts

HELD = 1000  # channels that are told anew, and removed
BUSES = 20
BEATING_S = 3.0
NEVER_S = 1000.0
LEASE_S = 1.0
HEARTBEAT_S = 0.1
LOOKS = 3  # through all that there is in the logs


async def all_of(meter: Meter) -> None:
    """On a Redis with events in its logs."""
    await look(meter)
    await _goodbye_and_hello(meter)
    await leases(meter)
    await heartbeats(meter)


async def _goodbye_and_hello(meter: Meter) -> None:
    """Losing Redis and coming back to it, and leaving for good, with many channels."""
    async with running_bus("leaving", meter.broker) as bus:
        names = [f"held-{number}" for number in range(HELD)]
        await enter(bus, names)
        async with plain_client(meter.broker) as client, meter.of("hello", HELD):
            link: Any = bus._link  # a break that is over at once is told to nobody
            before = link._session
            await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            async with asyncio.timeout(10):
                await _until(lambda: link._session is not before and link._session.is_up)
                await bus.connections(APP_ID)
                await asyncio.sleep(0.5)
        leaving = meter.of("goodbye", HELD)
        await leaving.__aenter__()
    await leaving.__aexit__(None, None, None)


async def look(meter: Meter) -> None:
    """Redis looking through its long logs for events of a channel that has none; for each event."""
    script, keys, looked = Scripts().read_log, Keys("revurb"), 0
    async with plain_client(meter.broker) as client:
        await client.script_load(script.source)
        lengths = {log: await client.xlen(log) for log in keys.logs}
        long = {log: length for log, length in lengths.items() if length > ENTRIES_PER_LOOK}
        if not long:
            raise RuntimeError(f"no log in Redis has more than {ENTRIES_PER_LOOK} events")
        async with meter.of("look", LOOKS * sum(long.values())):
            for log in list(long) * LOOKS:
                at, more = b"0-0", 1
                while more:
                    at, more, *found = await client.evalsha(
                        script.sha, 1, log, at, ENTRIES_PER_READ, ENTRIES_PER_LOOK, packed_topic(APP_ID, "away")
                    )  # fmt: skip
                    looked += len(found)
    if looked:
        raise RuntimeError(f"{looked} events were found in the log of a channel that has none")


async def leases(meter: Meter) -> None:
    """A renewal, and what a node asks with it: about others whose lease has ended."""
    await _beat(meter, "lease", "zadd", lease_s=LEASE_S, heartbeat_s=NEVER_S)


async def heartbeats(meter: Meter, *, cluster: bool = False) -> None:
    """A heartbeat that comes back; in a Cluster those to all servers, and to the keys of no partition."""
    if cluster:
        await _beat(meter, "cluster_heartbeat", "spublish", 2, lease_s=NEVER_S, heartbeat_s=HEARTBEAT_S)
    else:
        await _beat(meter, "heartbeat", "publish", lease_s=NEVER_S, heartbeat_s=HEARTBEAT_S)


async def _beat(
    meter: Meter, name: str, command: str, each: int = 1, *, lease_s: float, heartbeat_s: float
) -> None:
    """What idle nodes cost each time, of which every one has `each` calls of the `command`."""
    buses = [
        bus_of(f"{name}-{number}", meter.broker, Receiver(), lease_s=lease_s, heartbeat_s=heartbeat_s)
        for number in range(BUSES)
    ]
    for bus in buses:
        await bus.start()
    await asyncio.sleep(0.2)
    before = [meter.broker.calls(counted) for counted in (command, "evalsha")]
    async with meter.of(name, 1, traffic=True):
        await asyncio.sleep(BEATING_S)
    calls, scripts = (
        meter.broker.calls(counted) - earlier
        for counted, earlier in zip((command, "evalsha"), before, strict=True)
    )
    for figure in [figure for figure in meter.figures if figure.startswith(f"{name}.")]:
        meter.figures[figure] *= each / calls
    meter.figures[f"{name}.scripts"] = scripts * each / calls
    for bus in buses:
        await bus.stop()


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.002)
