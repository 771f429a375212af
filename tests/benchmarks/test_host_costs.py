"""A host under measurement: its processes are charged with what comes from Redis and what is published at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import uvloop

from benchmarks.load import host_costs
from benchmarks.load.across import table
from benchmarks.load.broker import broker
from benchmarks.load.bus_costs import publish
from benchmarks.load.host_costs import listening, on_redis, publish_us, received_us
from benchmarks.load.meter import running_bus


def test_workers_and_the_relay_are_told_apart() -> None:
    before = {"worker 0": 1.0, "relay": 1.0, "worker 1": 1.0}
    after = {"worker 0": 1.1, "relay": 1.5, "worker 1": 1.3}
    assert received_us("host_1", before, after, 1000) == pytest.approx(
        {"host_1.worker_us": 200.0, "host_1.relay_us": 500.0}
    )
    assert received_us("host_1", {"worker 0": 0.0}, {"worker 0": 0.0}, 1) == {"host_1.worker_us": 0.0}


def test_a_relay_is_shown_if_there_is_one() -> None:
    assert "relay" not in table({"publish_1.node_us": 1.0})
    text = table({"host_1.relay_us": 12.0, "host_1.worker_us": 3.0, "host_publish_64.relay_us": 4.0})
    assert "two workers, 1 in its turn | 12.0 us | 3.0 us |" in text
    assert "| ... 64 in flight | 4.0 us |  |" in text


@pytest.mark.usefixtures("_two_cores")
def test_a_host_on_a_redis_is_charged(need: Callable[[str], str]) -> None:
    need("redis-server")

    async def events() -> dict[str, float]:
        async with running_bus("publishing", one) as bus:
            before = host.cpu_s()
            await publish(bus, 100, 2000)
            return received_us("host_100", before, host.cpu_s(), 2000)

    with broker() as one, on_redis(one) as host:
        with listening(host):
            received = uvloop.run(events())
        published = publish_us(host, 8)
        relay = host_costs.relay_of(host)
    assert received["host_100.worker_us"] > 0
    assert (relay is None) == ("host_100.relay_us" not in received)
    assert published.keys() == host.pids.keys()
    assert max(published.values()) > 0
