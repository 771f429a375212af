"""What each simulated process does in each slice of time, and how far behind it is."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from benchmarks.scaling import beats
from benchmarks.scaling.costs import Costs, Kind, sharing
from benchmarks.scaling.placement import poisson
from benchmarks.scaling.traffic import Traffic

PING_S = 30.0  # of a client that hears nothing, by the default activity_timeout


@dataclass(slots=True)
class Process:
    """One worker, one core. `worked_us` is what came in each slice, `behind_us` what was not done at its end."""

    connections: int
    worked_us: list[float] = field(default_factory=list)
    behind_us: list[float] = field(default_factory=list)
    deliveries: int = 0
    received: int = 0
    commands: float = 0.0
    turns: float = 0.0  # in which there were commands to Redis
    causes_us: dict[str, float] = field(default_factory=dict)

    @property
    def commands_per_turn(self) -> float:
        return self.commands / self.turns if self.turns else 1.0

    def charge(self, cause: str, us: float) -> float:
        self.causes_us[cause] = self.causes_us.get(cause, 0.0) + us
        return us


def run(
    of: Traffic,
    costs: Costs,
    *,
    slices: int,
    slice_s: float,
    rng: random.Random,
    shards: int,
    stretch: float = 1.0,
) -> list[Process]:
    """The simulated processes after so many slices. With more than one shard they are clients of a Cluster. `stretch`
    is how much longer a turn takes where they have to wait for a core."""
    found = [Process(seat) for seat in of.placement.seats]
    cluster = costs.cluster_share if shards > 1 else 1.0
    if of.has_relays:  # events come over the host's log
        costs = replace(costs, node_read_us=costs.log_wake_us, node_receive_us=costs.log_read_us)
    beating_us_per_s = _beating_us_per_s(of, costs, shards)
    for number, process in enumerate(found):
        for at in range(slices):
            us = _slice(of, costs, process, number, at, slice_s, rng, cluster, stretch)
            us += process.charge("beats", beating_us_per_s * slice_s)
            behind_us = process.behind_us[-1] if process.behind_us else 0.0
            process.worked_us.append(us)
            process.behind_us.append(max(0.0, behind_us + us - slice_s * 1e6))
    return found


def _slice(
    of: Traffic,
    costs: Costs,
    process: Process,
    number: int,
    at: int,
    slice_s: float,
    rng: random.Random,
    cluster: float,
    stretch: float,
) -> float:
    rates, workload = of.rates, of.workload
    seat = slice_s * process.connections * of.placement.processes / max(1, workload.connections)

    def some(a_second: float) -> int:
        return poisson(rng, a_second * seat)

    connects = poisson(rng, process.connections / workload.stay_s * slice_s)
    told = rates.connections * slice_s
    # A request may go to any process, whoever is connected there.
    published = poisson(rng, rates.published * slice_s)
    received, delivered, fan_out_us = _followed(of, costs, process, number, at, slice_s)
    published += poisson(rng, _followed_published(of, at) / of.placement.processes)
    small = some(rates.received + rates.told)
    each = rates.delivered / (rates.received + rates.told) if rates.received + rates.told else 0.0
    small_deliveries = round(small * each) if each == round(each) else poisson(rng, small * each)
    process.deliveries += delivered + small_deliveries
    process.received += received + small
    entered, counted, joined = some(rates.entered), some(rates.counted), some(rates.joined)
    listed = joined * (rates.listed / rates.joined if rates.joined else 0.0)
    commands = published + entered * 2 + counted + joined * 2 + told
    sends_us = fan_out_us + small_deliveries * costs.send_us
    connecting_us = connects * (costs.connect_us + costs.leave_us) + listed * costs.list_member_us
    shared, read_with = sharing(
        (
            Kind(commands / slice_s, costs.node_turn_us, costs.node_publish_us, costs.round_trip_us),
            Kind((received + small) / slice_s, costs.node_read_us, costs.node_receive_us),
        ),
        (sends_us + connecting_us + published * costs.request_us) / slice_s,
        stretch,
    )
    process.commands += commands
    process.turns += commands / shared
    charge = process.charge
    return (
        charge("requests", published * costs.request_us)
        + charge(
            "commands to Redis",
            cluster
            * (
                commands / shared * costs.node_turn_us
                + published * costs.node_publish_us
                + entered * (costs.node_enter_us + costs.node_leave_us)
                + (counted + told) * costs.node_count_us
                + joined * (costs.node_join_us + costs.node_part_us)
            ),
        )
        + charge(
            "events from Redis", (received + small) * (costs.node_read_us / read_with + costs.node_receive_us)
        )
        + charge("deliveries", sends_us)
        + charge("connections", connecting_us)
        + charge("pings", process.connections * _pings_per_s(of) * slice_s * 2 * costs.send_us)
    )


def _beating_us_per_s(of: Traffic, costs: Costs, shards: int) -> float:
    heartbeat_us = costs.node_heartbeat_us
    if shards > 1:
        heartbeat_us = costs.node_cluster_heartbeat_us
        heartbeat_us += beats.scripts(shards, of.design.partitions) * costs.node_script_us
    return costs.node_lease_us / beats.LEASE_EVERY_S + heartbeat_us / beats.HEARTBEAT_EVERY_S


def _followed(
    of: Traffic, costs: Costs, process: Process, number: int, at: int, slice_s: float
) -> tuple[int, int, float]:
    """Events received, deliveries and what those cost. Events that come while the one before is still being sent share
    its system calls."""
    received = delivered = 0
    us = 0.0
    for channel in of.followed:
        events, here = channel.events[at], channel.on_seats[number]
        if not events or not here:
            continue
        received += events
        delivered += events * here
        together = min(float(events), max(1.0, events / slice_s * here * costs.send_us / 1e6))
        us += events * here * (costs.send_us / together + costs.send_more_us * (1 - 1 / together))
    return received, delivered, us


def _followed_published(of: Traffic, at: int) -> int:
    return sum(channel.events[at] for channel in of.followed)


def _pings_per_s(of: Traffic) -> float:
    """Of a connection: a client that hears something often enough does not ask."""
    heard = of.workload.deliveries_per_s / max(1, of.workload.connections)
    return 0.0 if heard > 1 / PING_S else 1 / PING_S
