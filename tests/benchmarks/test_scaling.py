"""The simulation of many nodes: charges add up, more load needs no less, and what cannot be split is not."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import pytest

from benchmarks.scaling import placement
from benchmarks.scaling.check import three_nodes
from benchmarks.scaling.costs import MOST_SHARED, Costs, Kind, sharing
from benchmarks.scaling.placement import default_shards, even_shards, place
from benchmarks.scaling.plan import Host, Plan, plan
from benchmarks.scaling.simulation import Cluster, cluster
from benchmarks.scaling.workload import PROFILES, Band, Workload, custom, zipf
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS, partition_of

NOTHING = Costs(**{field.name: 0 for field in fields(Costs)})
PLAIN = replace(
    NOTHING,
    request_us=40.0,
    send_us=5.0,
    connect_us=150.0,
    node_publish_us=20.0,
    node_receive_us=10.0,
    node_count_us=20.0,
    node_enter_us=80.0,
    redis_publish_us=10.0,
    redis_send_us=1.0,
    redis_count_us=10.0,
    redis_enter_us=30.0,
    cluster_share=1.0,
    redis_cluster_share=1.0,
    process_bytes=30e6,
    connection_bytes=2000.0,
)
FOREVER_S = 1e12  # nobody comes or goes


def still(*bands: Band, connections: int = 0) -> Workload:
    return Workload("still", connections or sum(band.subscriptions for band in bands), bands, 100, FOREVER_S)


def one_hot_channel(connections: int, events_per_s: float = 50.0) -> Workload:
    return still(Band("hot", 1, connections, events_per_s))


def planned(workload: Workload, costs: Costs = PLAIN, per_process: int = 25_000) -> Plan:
    return plan(workload, costs, host=Host(connections_per_process=per_process))


# Conservation.


@pytest.mark.parametrize("balance", ["random", "least"])
@pytest.mark.parametrize(("processes", "subscribers"), [(1, 7), (3, 9), (8, 1000), (12, 5000)])
def test_every_delivery_of_a_followed_channel_is_made_by_some_process(
    balance: str, processes: int, subscribers: int
) -> None:
    bands = (Band("a", 5, subscribers, 2.0), Band("b", 1, 3 * subscribers, 1.0))
    of = cluster(still(*bands), PLAIN, processes, balance=balance, seconds=5)
    made = sum(process.deliveries for process in of.processes(1))
    due = sum(sum(each.events) * each.band.subscribers for each in of.traffic.followed)
    assert len(of.traffic.followed) == 6
    assert made == due > 0


def test_deliveries_of_many_small_channels_are_those_of_their_subscribers() -> None:
    of = cluster(still(Band("room", 4000, 10, 0.5)), PLAIN, 10, seconds=20)
    assert not of.traffic.followed
    made = sum(process.deliveries for process in of.processes(1))
    assert made == pytest.approx(4000 * 10 * 0.5 * 20, rel=0.02)
    received = sum(process.received for process in of.processes(1))
    assert received == pytest.approx(4000 * 0.5 * 20 * of.traffic.placement.interested(10), rel=0.02)


def test_causes_add_up_to_what_was_worked() -> None:
    of = cluster(PROFILES[1].of(50_000), PLAIN, 3, seconds=5)
    for process in of.processes(1):
        assert sum(process.causes_us.values()) == pytest.approx(sum(process.worked_us))
    for shard in of.shards(even_shards(4)):
        assert sum(shard.causes_us.values()) == pytest.approx(sum(shard.worked_us))


def test_shards_together_do_what_one_would() -> None:
    of = cluster(PROFILES[0].of(50_000), replace(PLAIN, redis_turn_us=0.0), 3, seconds=5)
    whole = sum(of.shards(even_shards(1))[0].worked_us)
    assert sum(sum(each.worked_us) for each in of.shards(even_shards(8))) == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize("size", [1, 20, 999, 100_000, 1_000_000])
def test_bands_hold_every_connection(size: int) -> None:
    for profile in PROFILES:
        workload = profile.of(size)
        per_connection = 2 if profile.name == "live scores" else 1
        assert sum(band.subscriptions for band in workload.bands) == size * per_connection
    assert sum(count * each for _, count, each in zipf("x", size, max(1, size // 20), 0.8)) == size


def test_own_numbers_leave_no_channel_empty() -> None:
    workload = custom(1000, 300, 60.0, 100, 60.0, False)
    assert sum(band.channels for band in workload.bands) == 300
    assert sum(band.subscriptions for band in workload.bands) == 1000
    assert workload.published_per_s == pytest.approx(60.0)


# By hand.


def test_a_tiny_case_by_hand() -> None:
    """2 processes, 1 channel with 3 subscribers on each, an event every time: 10 in 1 s."""
    of = cluster(still(Band("a", 1, 6, 10.0)), PLAIN, 2, balance="least", seconds=1)
    (channel,) = of.traffic.followed
    events = sum(channel.events)
    assert channel.on_seats == [3, 3]
    assert channel.receivers == 2
    for process in of.processes(1):
        assert process.causes_us["events from Redis"] == pytest.approx(events * 10.0)
        assert process.causes_us["deliveries"] == pytest.approx(events * 3 * 5.0)
    (shard,) = of.shards(even_shards(1))
    assert shard.causes_us["publishing"] == pytest.approx(events * 10.0)
    assert shard.causes_us["sending events"] == pytest.approx(events * 2 * 1.0)
    others = shard.causes_us["leases and surveys"] + shard.causes_us["heartbeats"]
    assert sum(shard.worked_us) == pytest.approx(events * 12.0 + others)


def test_three_nodes_by_hand() -> None:
    """1,000 publishes/s: each node takes a third of the requests, all events, and 3 deliveries of each."""
    _, redis = three_nodes(replace(PLAIN, redis_wake_us=20.0), 1000)
    assert redis == pytest.approx(1000 * (10 + 3 * 21) / 1e6, rel=0.05)
    node, redis = three_nodes(PLAIN, 1000)
    assert node == pytest.approx((1000 / 3 * 60 + 1000 * 10 + 3000 * 5) / 1e6, rel=0.05)
    assert redis == pytest.approx(1000 * (10 + 3 * 1) / 1e6, rel=0.05)


def test_what_comes_while_a_turn_is_under_way_shares_the_next() -> None:
    assert sharing([Kind(0.0, 100.0, 10.0)]) == [1.0]
    assert sharing([Kind(10_000.0, 100.0, 50.0)]) == [pytest.approx(3.0)]  # half busy: turns of 200 us
    assert sharing([Kind(10_000.0, 100.0, 0.0, wait_us=400.0)]) == [pytest.approx(6.0)]
    assert sharing([Kind(1e6, 100.0, 50.0)]) == [MOST_SHARED]
    alone, held_up = (sharing([Kind(1000.0, 100.0, 10.0)], 0.0, stretch)[0] for stretch in (1.0, 4.0))
    assert held_up > alone


def test_what_is_not_done_in_a_slice_waits() -> None:
    of = cluster(still(Band("a", 1, 1, 300.0)), replace(PLAIN, request_us=5000.0), 1, seconds=2)
    (process,) = of.processes(1)
    assert sum(process.worked_us) > 2.5e6
    assert process.behind_us[-1] == pytest.approx(sum(process.worked_us) - 2e6, rel=0.1)
    assert of.process_use(1).behind_ms > 500


def test_a_presence_channel_tells_all_members_of_each() -> None:
    workload = Workload("w", 1000, (Band("p", 100, 10, 0.0, presence=True),), 100, 100.0)
    assert workload.told_per_s(workload.bands[0]) == 20.0  # 10 come a second, and 10 go
    of = cluster(workload, PLAIN, 2, seconds=30)
    made = sum(process.deliveries for process in of.processes(1))
    assert made == pytest.approx(20 * 10 * 30, rel=0.1)


# The same again.


def uses(of: Cluster) -> tuple[object, object]:
    return of.process_use(1), of.shard_use(4)


def test_the_seed_decides() -> None:
    workload = PROFILES[1].of(100_000)
    first, again = (cluster(workload, PLAIN, 5, seconds=5) for _ in range(2))
    other = cluster(workload, PLAIN, 5, seconds=5, seed=7)
    assert uses(first) == uses(again)
    assert uses(first) == uses(first)
    assert uses(first) != uses(other)


# Placement.


@pytest.mark.parametrize("number", [1, 5, 40])
def test_connections_are_all_somewhere(number: int) -> None:
    rng = random.Random(1)
    for balance in ("random", "least"):
        found = place(10_000, number, rng, balance)
        assert found.everyone == (number <= placement.SAMPLED)
        if found.everyone:
            assert sum(found.seats) == 10_000
            assert sum(found.on_seats(777, rng)) == 777
        if balance == "least":
            assert max(found.seats) - min(found.seats) <= 1


def test_the_fullest_process_is_simulated() -> None:
    found = place(1_000_000, 1000, random.Random(1))
    assert found.seats[0] == max(found.seats) > 1050


def test_partitions_are_those_of_the_bus() -> None:
    band = Band("bench", 100, 9, 1.0)
    shares = placement.partitions_of(band)
    for number in range(PARTITIONS):
        names = sum(partition_of("1", f"bench-{each}") == number for each in range(100))
        assert shares[number] == pytest.approx(names / 100)
    assert sum(placement.partitions_of(Band("private-user", 10**7, 1, 1.0))) == pytest.approx(1.0)


def test_a_cluster_as_it_is_made_does_not_spread_partitions_evenly() -> None:
    for shards in (2, 8, 64):
        even, made = even_shards(shards, CLUSTER_PARTITIONS), default_shards(shards)
        assert max(map(even.count, range(shards))) == CLUSTER_PARTITIONS // shards
        assert len(made) == CLUSTER_PARTITIONS
    assert max(map(made.count, range(64))) == 21  # as docs/redis.md has it
    assert len(set(default_shards(64, PARTITIONS))) < 64  # of an older cluster
