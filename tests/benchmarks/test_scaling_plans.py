"""Plans: as few machines as can be, what cannot be split, what a relay changes, and what ends it all."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks.scaling import beats, limits, relays
from benchmarks.scaling.costs import MOST_SHARED
from benchmarks.scaling.plan import Host, back_s, fewest_shards, plan, room, tidy
from benchmarks.scaling.simulation import cluster, quantile
from benchmarks.scaling.traffic import Design, reports_per_s
from benchmarks.scaling.workload import PROFILES, Band, Workload
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS
from tests.benchmarks.test_scaling import FOREVER_S, PLAIN, one_hot_channel, planned, still


def test_more_load_never_needs_less() -> None:
    for make in (PROFILES[0].of, PROFILES[2].of):
        plans = [planned(make(size)) for size in (100_000, 400_000, 1_600_000)]
        for name in ("processes", "hosts", "shards", "egress_bits_per_s", "redis_bytes"):
            found = [getattr(each, name) for each in plans]
            assert found == sorted(found), name
        rooms = [each.room for each in plans]
        assert rooms == sorted(rooms, reverse=True)
    few, many = (planned(one_hot_channel(200_000, rate)) for rate in (1.0, 8.0))
    assert few.processes < many.processes


def test_processes_are_as_few_as_can_be() -> None:
    found = planned(one_hot_channel(100_000, 3.0), per_process=100_000)
    for shares in (found.process_shares, found.shard_shares):
        assert sum(shares.values()) == pytest.approx(1.0)
    assert found.process.p99 <= 0.6
    fewer = cluster(one_hot_channel(100_000, 3.0), PLAIN, int(found.processes * 0.8))
    assert fewer.process_use(1).p99 > 0.6


def test_one_hot_channel_is_limited_by_one_shard() -> None:
    """However many shards there are, it is on one."""
    dear = replace(PLAIN, redis_send_us=20_000.0, send_us=0.01)
    found = planned(one_hot_channel(400_000, 50.0), dear)
    assert found.room < 1
    assert found.shards == CLUSTER_PARTITIONS
    assert found.hosts < found.processes == 16
    assert found.first.startswith(f"Redis sending a channel's events to {found.hosts} hosts")
    of = cluster(one_hot_channel(400_000, 50.0), dear, found.processes)
    assert of.shard_use(64).p99 == pytest.approx(of.shard_use(1).p99, rel=0.05)
    split = still(*(Band(f"part-{number}", 1, 50_000, 6.25) for number in range(8)))
    assert room(split, dear, found.processes, Design(13, CLUSTER_PARTITIONS)) > found.room * 1.5


def test_a_relay_on_each_host_divides_what_redis_sends() -> None:
    dear = replace(PLAIN, redis_send_us=2000.0, send_us=0.01)
    workload = one_hot_channel(400_000, 50.0)
    direct = room(workload, dear, 16, Design())
    assert room(workload, dear, 16, Design(workers=8)) == pytest.approx(direct * 8, rel=0.05)
    relayed = cluster(workload, dear, 16, design=Design(workers=8))
    alone = cluster(workload, dear, 16)
    assert (relayed.traffic.links, alone.traffic.links) == (2, 16)
    assert relayed.shard_connections_bytes * 8 == alone.shard_connections_bytes
    assert alone.relay_use(1) is None


def test_a_relay_takes_each_event_once_and_all_commands_of_its_workers() -> None:
    costs = replace(PLAIN, relay_receive_us=100.0, relay_command_us=10.0, log_read_us=2.0)
    of = cluster(one_hot_channel(1600, 50.0), costs, 16, design=Design(workers=8), seconds=20)
    relay = of.relay_use(1)
    assert relay is not None
    published = 50.0 * 8 / 16  # at the workers of a host
    beating = 8 * beats.commands_per_s(1, PARTITIONS)
    back = 8 / beats.HEARTBEAT_EVERY_S
    expected_us = (50.0 + back) * 100.0 + (published + beating) * 10.0
    assert relay.mean == pytest.approx(expected_us / 1e6, rel=0.1)
    received = sum(process.received for process in of.processes(1))
    reading = sum(process.causes_us["events from Redis"] for process in of.processes(1))
    assert reading == pytest.approx(received * 2.0)  # not what an event from Redis costs a node


def test_a_relay_that_has_too_much_to_do_has_fewer_workers() -> None:
    bands = [Band(f"to-all-{number}", 1, 1600, 50.0) for number in range(20)]
    busy = still(*bands, connections=1600)
    light = replace(PLAIN, send_us=0.001, request_us=1.0, redis_send_us=0.01)
    most = planned(busy, replace(light, relay_receive_us=10.0), per_process=100)
    fewer = planned(busy, replace(light, relay_receive_us=10.0, relay_command_us=2000.0), per_process=100)
    assert most.relay is not None
    assert fewer.relay is not None
    assert (most.limit == "CPU of the relay", fewer.limit == "CPU of the relay") == (False, True)
    assert fewer.relay.p99 <= 0.6
    assert fewer.hosts > most.hosts


def test_more_servers_are_more_connections_of_a_relay() -> None:
    assert relays.servers(1, 5.0) == 1
    assert relays.servers(1, 0.5) == 0.5
    assert relays.servers(64, 1.0) == pytest.approx(1.0)
    assert 30 < relays.servers(64, 50.0) < 50
    assert relays.servers(64, 1e6) == pytest.approx(64)


def test_a_heartbeat_goes_to_every_server() -> None:
    assert beats.scripts(1, PARTITIONS) == 1
    assert beats.scripts_to_each(16, CLUSTER_PARTITIONS) == 1 + 3
    assert beats.scripts_to_each(512, CLUSTER_PARTITIONS) == 1 + 1  # it has two
    assert beats.scripts_to_each(1024, CLUSTER_PARTITIONS) == 1
    assert beats.scripts(1024, CLUSTER_PARTITIONS) == 1025
    ages_s = [beats.position_age_s(shards, CLUSTER_PARTITIONS) for shards in (8, 64, 1024)]
    assert ages_s == sorted(ages_s, reverse=True)
    assert ages_s[-1] == beats.position_age_s(1, PARTITIONS) == beats.HEARTBEAT_EVERY_S / 2


def test_reports_of_a_count_follow_how_often_it_changes() -> None:
    """As HeldCounts does it, played through."""
    for changes_per_s in (0.05, 1.0, 4.0):
        reports, switches = played(changes_per_s, 1.0, seconds=20_000)
        expected_reports, expected_switches = reports_per_s(changes_per_s, 1.0)
        assert expected_reports == pytest.approx(reports, rel=0.05)
        assert expected_switches == pytest.approx(switches, rel=0.2, abs=0.002)
    assert reports_per_s(1000.0, 1.0) == (1.0, 0.0)
    assert reports_per_s(3.0, 0.0) == (3.0, 0.0)


def played(changes_per_s: float, every_s: float, seconds: float) -> tuple[float, float]:
    """Told a second, and begun or ended to be held."""
    rng = random.Random(1)
    at = told_at = 0.0
    due: float | None = None
    changed, told, switches = False, 0, 0
    told_at = -every_s
    while at < seconds:
        at += rng.expovariate(changes_per_s)
        while due is not None and due <= at:
            told += changed
            switches += not changed
            due, changed = (due + every_s, False) if changed else (None, False)
            told_at = -every_s
        if due is not None:
            changed = True
        else:
            told += 1
            if at - told_at < every_s:
                due, switches = at + every_s, switches + 1
            told_at = at
    return told / seconds, switches / seconds


def test_who_comes_back_needs_shards_that_look_through_the_log() -> None:
    workload = still(*(Band(f"of-{number}", 400, 1, 0.5) for number in range(10)), connections=4000)
    of = cluster(workload, replace(PLAIN, redis_look_us=1000.0, redis_hello_us=1.0), 4)
    looked_s = 10 / 2 + beats.HEARTBEAT_EVERY_S / 2
    assert back_s(of, 1) == pytest.approx(4 * 2000 * looked_s * 1000 / 1e6, rel=0.01)
    assert back_s(of, 8) == pytest.approx(back_s(of, 1) / 8)
    many = replace(of, traffic=replace(of.traffic, design=Design(partitions=CLUSTER_PARTITIONS)))
    assert back_s(many, 8) > back_s(many, 1) / 8  # a heartbeat does not tell where so many logs end
    assert fewest_shards(of, 0.6, most_back_s=back_s(of, 8) * 1.01) == 8
    assert fewest_shards(of, 0.6, most_back_s=back_s(of, 1)) == 1


def test_limits_by_hand() -> None:
    costs = replace(PLAIN, redis_write_us=100.0, redis_admit_us=10.0)
    size, workers = 2_600_000, 13
    rows = {row[0]: row[1] for row in limits.rows(costs, (size,), Host(workers=workers))}
    processes, hosts = 104, 8
    assert rows[f"hosts of {workers} of them"] == f"{hosts}"
    event_us = 10.0 + hosts * (100.0 + 1.0)
    assert (
        rows["one channel that everybody is on, an event a second: of its shard"] == f"{event_us / 1e4:.2g} %"
    )
    shared_us = 10.0 + hosts * (100.0 / MOST_SHARED + 1.0)
    left_us = 600_000 - processes * 10.0
    assert rows["... events a second, at most: one shard"] == f"{left_us / shared_us:,.0f}"
    assert rows["... events a second, at most: a process that delivers each 25,000 times"] == "4.8"


def test_questions_for_places_are_those_until_an_eighth_is_left() -> None:
    """As LEND_PLACES lends them."""
    processes, free, asked = 40, 1e6, 0
    while free > 1e6 / 8:
        free -= free / (2 * processes)
        asked += 1
    assert limits.questions(processes) == pytest.approx(asked, abs=processes)


def test_counts_told_once_a_second_do_not_grow_with_those_who_come() -> None:
    storm = Workload("storm", 100_000, (Band("private-user", 100_000, 1, 0.0),), 100, 10.0)
    calm = room(storm, PLAIN, 4, Design(counts_every_s=1.0))
    assert calm > 10 * room(storm, PLAIN, 4, Design(counts_every_s=0.0))
    assert room(storm, PLAIN, 4, Design()) == calm


def test_hosts_are_decided_by_what_runs_out_first() -> None:
    workload = one_hot_channel(100_000, 0.1)
    assert planned(workload, per_process=1000).limit == "1,000 connections a process"
    heavy = replace(PLAIN, connection_bytes=1e6)
    by_memory = plan(workload, heavy, host=Host(memory_bytes=30e9))
    assert by_memory.limit == "memory of hosts"
    assert by_memory.host_bytes <= 30e9
    assert by_memory.hosts * 30e9 >= 100_000 * 1e6
    loud = Workload("loud", 100_000, (Band("hot", 1, 100_000, 2.0),), 20_000, FOREVER_S)
    by_link = plan(loud, PLAIN, host=Host(egress_bits_per_s=6e9))
    assert by_link.limit == "links of hosts"
    assert by_link.host_egress_bits_per_s <= 6e9


def test_numbers_are_rounded_up() -> None:
    assert [tidy(count) for count in (1, 19.2, 99, 101, 1234, 12_001)] == [1, 20, 99, 110, 1300, 13_000]
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile(list(map(float, range(1, 101))), 0.99) == 99.0
