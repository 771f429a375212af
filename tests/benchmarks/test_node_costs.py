"""What nodes cost by themselves: beats are charged by how many there were, looks into the log by its length."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import uvloop

from benchmarks.load import node_costs
from benchmarks.load.broker import broker
from benchmarks.load.bus_costs import publish
from benchmarks.load.meter import Figures, Meter, running_bus
from revurb.bus.redis.catch_up import ENTRIES_PER_LOOK


@pytest.fixture(autouse=True)
def _briefly(need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    need("redis-server")
    monkeypatch.setattr(node_costs, "BEATING_S", 0.6)
    monkeypatch.setattr(node_costs, "BUSES", 2)


def beating(*, in_cluster: bool) -> Figures:
    with broker(cluster=in_cluster) as one:
        meter = Meter(one)

        async def beat() -> None:
            await node_costs.heartbeats(meter, cluster=in_cluster)
            if not in_cluster:
                await node_costs.leases(meter)

        uvloop.run(beat())
    return meter.figures


def test_a_beat_of_one_server_is_one_script() -> None:
    found = beating(in_cluster=False)
    assert found["heartbeat.scripts"] == 1
    assert 0 < found["heartbeat.redis_us"] < 20_000
    assert found["lease.scripts"] == pytest.approx(
        2, abs=0.5
    )  # the renewal, and the claim; it may end between them
    assert found["lease.node_us"] > 0


def test_a_beat_of_a_cluster_asks_where_logs_end() -> None:
    found = beating(in_cluster=True)
    assert found["cluster_heartbeat.scripts"] > 10
    assert found["cluster_heartbeat.node_us"] > 0


def test_only_long_logs_are_looked_through() -> None:
    async def look() -> None:
        async with running_bus("publishing", one) as bus:
            await publish(bus, 100, 100)
            with pytest.raises(RuntimeError, match="no log in Redis has more than 500 events"):
                await node_costs.look(meter)
            await publish(bus, 100, ENTRIES_PER_LOOK + 100)
            await node_costs.look(meter)

    with broker() as one:
        meter = Meter(one)
        uvloop.run(look())
    assert 0 < meter.figures["look.redis_us"] < 1000
