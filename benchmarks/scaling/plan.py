"""The fewest processes and shards that carry a workload, and what gives way first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.scaling import beats
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.placement import even_shards
from benchmarks.scaling.shards import Shard
from benchmarks.scaling.simulation import LOG_S, SECONDS, SEED, Cluster, Use, cluster
from benchmarks.scaling.traffic import Design
from benchmarks.scaling.workload import Workload
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS

HEADROOM = 0.6  # of a core, in the 99th percentile: for what is not foreseen, and for a host that is lost
SEARCH_S = 15.0  # simulated, while it is searched
AWAY_S = 10.0
MOST_BACK_S = LOG_S - AWAY_S  # for all to be back: what is gone from the log by then is lost
CPU = "CPU of processes"
STEP = 1.03  # the search ends when it knows the number so well


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that workers are on, and their relay. Two cores are left for the kernel's part of the network, which
    no process is charged with. More connections than 10,000 were not measured on a process, and all of them come back
    at once when it dies. `egress_bits_per_s` is what may be used of a link of 10 Gbit/s."""

    cores: int = 16
    workers: int = 13
    connections_per_process: int = 25_000
    memory_bytes: float = 64e9 * 0.6
    egress_bits_per_s: float = 10e9 * 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a workload needs. `shards` are enough for everything, `shards_for_load` if nothing is ever away. `room` is
    how much more the busiest partition could do on a Redis of its own, as a factor: no number of shards brings more.
    Below 1 the workload cannot be carried, and `shards` is one for each partition.

    `limit` is what decides on the number of hosts, `first` what gives way first as the load grows. Shares are of the
    work of the processes, and of the busiest partition. `back_s` is `back_s()`.
    """

    workload: str
    connections: int
    processes: int
    hosts: int
    shards: int
    shards_for_load: int
    room: float
    limit: str
    first: str
    process: Use
    relay: Use | None
    shard: Use
    back_s: float
    process_bytes: float
    host_bytes: float
    redis_bytes: float
    shard_bytes: float
    egress_bits_per_s: float
    host_egress_bits_per_s: float
    redis_egress_bits_per_s: float
    process_shares: dict[str, float]
    shard_shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Fit:
    """So many processes and shards, that have time enough. `limit` decides how many processes a host has."""

    found: Cluster
    shards: int
    limit: str


def plan(
    workload: Workload,
    costs: Costs,
    *,
    balance: str = "random",
    host: Host | None = None,
    headroom: float = HEADROOM,
    seed: int = SEED,
) -> Plan:
    """Searches processes first, since Redis has to send to their hosts, and then shards: one server, or a Cluster,
    whose clients have more to do."""
    host = host or Host()

    def of(processes: int, seconds: float, design: Design) -> Cluster:
        return cluster(workload, costs, processes, design=design, balance=balance, seconds=seconds, seed=seed)

    one, many = (Design(host.workers, partitions) for partitions in (PARTITIONS, CLUSTER_PARTITIONS))
    # A first look saves a search that is known to be in vain.
    look = of(max(1, workload.connections // host.connections_per_process), SEARCH_S, one)
    fit = _fit(of, one, look, host, headroom) if fewest_shards(look, headroom) == 1 else None
    if fit is None or fit.shards > 1:
        fit = _fit(of, many, look, host, headroom)
    found, shards = fit.found, fit.shards
    processes, per_host = found.traffic.placement.processes, found.traffic.design.workers
    by_partition = (
        found
        if found.traffic.design.partitions == CLUSTER_PARTITIONS
        else of(processes, SECONDS, replace(many, workers=per_host))
    )
    busiest = _busiest_partition(by_partition)
    # Turns are shared by more where there is more.
    shares = _shares([{cause: us for cause, us in busiest.causes_us.items() if cause != "turns"}])
    process_shares = _shares([each.causes_us for each in found.processes(shards)])
    limit = fit.limit
    if limit == CPU:
        limit = f"CPU of processes, most of it {next(iter(process_shares))}"
        if found.process_use(shards).p99 < headroom * 0.8:
            limit = f"{host.connections_per_process:,} connections a process"
    relay = found.relay_use(shards)
    return Plan(
        workload=workload.name,
        connections=workload.connections,
        processes=processes,
        hosts=math.ceil(processes / per_host),
        shards=shards,
        shards_for_load=fewest_shards(found, headroom, math.inf),
        room=headroom / max(_needed([busiest], found.slice_s).p99, 1e-9),
        limit=limit,
        first=_first(by_partition, busiest.number, next(iter(shares))),
        process=found.process_use(shards),
        relay=relay,
        shard=found.shard_use(shards),
        back_s=back_s(found, shards),
        process_bytes=found.process_bytes,
        host_bytes=found.process_bytes * min(per_host, processes),
        redis_bytes=found.redis_bytes + shards * found.shard_connections_bytes,
        shard_bytes=found.redis_bytes / shards + found.shard_connections_bytes,
        egress_bits_per_s=found.egress_bits_per_s,
        host_egress_bits_per_s=found.egress_bits_per_s / processes * min(per_host, processes),
        redis_egress_bits_per_s=found.redis_egress_bits_per_s,
        process_shares=process_shares,
        shard_shares=shares,
    )


def _fit(
    of: Callable[[int, float, Design], Cluster], design: Design, look: Cluster, host: Host, headroom: float
) -> _Fit:
    """With one server if that is what the design is for, whether it does or not; `shards` says how many it takes."""
    workload = look.traffic.workload
    most = min(
        host.connections_per_process,
        # One process has to fit on a host.
        int(host.memory_bytes / look.connection_bytes),
        int(host.egress_bits_per_s * workload.connections / max(1.0, look.egress_bits_per_s)),
    )
    expected = 1 if design.partitions == PARTITIONS else 2
    processes = fewest_processes(
        lambda processes, seconds: of(processes, seconds, design),
        workload.connections,
        headroom,
        max(1, most),
        expected,
    )
    while True:
        found = of(processes, SECONDS, design)
        limit, workers = _per_host(found, host)
        found, shards, limit = _with_relays_that_do(
            of, replace(design, workers=workers), found, limit, headroom
        )
        if found.process_use(shards).p99 <= headroom:
            return _Fit(found, shards, limit)
        processes = tidy(processes * STEP + 1)


def _per_host(of: Cluster, host: Host) -> tuple[str, int]:
    """What decides on the number of processes of a host, and that number."""
    bits = of.egress_bits_per_s / of.traffic.placement.processes
    fits = {
        CPU: host.workers,
        "memory of hosts": int(host.memory_bytes / of.process_bytes),
        "links of hosts": int(host.egress_bits_per_s / max(1.0, bits)),
    }
    limit = min(fits, key=lambda name: fits[name])
    return limit, max(1, fits[limit])


def _with_relays_that_do(
    of: Callable[[int, float, Design], Cluster], design: Design, found: Cluster, limit: str, headroom: float
) -> tuple[Cluster, int, str]:
    """With fewer workers on a host, if its relay has too much to do for all of them."""
    while True:
        if design != found.traffic.design:
            found = of(found.traffic.placement.processes, SECONDS, design)
        shards = fewest_shards(found, headroom)
        relay = found.relay_use(shards)
        if relay is None or relay.p99 <= headroom:
            return found, shards, limit
        design, limit = replace(design, workers=design.workers - 1), "CPU of the relay"


def back_s(of: Cluster, shards: int) -> float:
    """How long a Redis works, with nothing else to do, when all have come back after AWAY_S. It is told all channels
    anew, and looks through the logs of the partitions that a process has a channel in, once for each process: from
    where that process knows that it has everything, and what others have sent already that had waited, half of it on
    average."""
    traffic, costs = of.traffic, of.costs
    held, partitions = traffic.held_per_process, traffic.design.partitions
    looked_in: float = 1 - (1 - 1 / partitions) ** held
    looked_s = min(LOG_S, beats.position_age_s(shards, partitions)) + AWAY_S / 2
    events_per_s = traffic.workload.published_per_s + sum(load.told for load in traffic.loads)
    us = held * costs.redis_hello_us + looked_in * events_per_s * looked_s * costs.redis_look_us
    return traffic.placement.processes * us / shards / 1e6


def room(
    workload: Workload, costs: Costs, processes: int, design: Design, *, headroom: float = HEADROOM
) -> float:
    """`Plan.room` of so many processes, with another design."""
    found = cluster(workload, costs, processes, design=design, seconds=SEARCH_S)
    return headroom / max(_needed([_busiest_partition(found)], found.slice_s).p99, 1e-9)


def _busiest_partition(of: Cluster) -> Shard:
    """Each on a Redis of its own."""
    partitions = of.traffic.design.partitions
    alone = of.shards(even_shards(partitions, partitions))
    return max(alone, key=lambda each: _needed([each], of.slice_s).p99)


def _needed(shards: Sequence[Shard], slice_s: float) -> Use:
    return Use.of([each.needed_us for each in shards], [each.behind_us for each in shards], slice_s)


def fewest_processes(
    of: Callable[[int, float], Cluster], connections: int, headroom: float, most: int, shards: int
) -> int:
    """Each with the busiest one's p99 below the headroom: by halves, between too few and enough."""

    def enough(processes: int) -> bool:
        return of(processes, SEARCH_S).process_use(shards).p99 <= headroom

    high = math.ceil(connections / most)
    if enough(high):
        return tidy(high)
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1 and high > low * STEP:
        middle = (high + low) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return tidy(high)


def fewest_shards(of: Cluster, headroom: float, most_back_s: float = MOST_BACK_S) -> int:
    """A number that divides the partitions, which are dealt out evenly; all of them, if fewer do not do."""
    partitions = of.traffic.design.partitions
    for count in (each for each in range(1, partitions + 1) if partitions % each == 0):
        if back_s(of, count) <= most_back_s and of.shard_use(count).p99 <= headroom:
            break
    return count


def tidy(count: float) -> int:
    """Rounded up, to two digits."""
    whole = math.ceil(count)
    step = int(10 ** max(0, len(str(whole)) - 2))
    return -(-whole // step) * step


def _first(of: Cluster, partition: int, cause: str) -> str:
    """What the busiest partition has to do, in words."""
    here = [each for each in of.traffic.followed if each.partition == partition]
    largest = max(here, key=lambda each: each.band.subscribers, default=None)
    if cause == "sending events":
        widest = 0.0 if largest is None else largest.receivers
        receivers = "hosts" if of.traffic.has_relays else "processes"
        if widest > of.traffic.links / 2:
            return f"Redis sending a channel's events to {widest:,.0f} {receivers}"
        return f"Redis sending each event to all {receivers} that want it"
    if cause == "subscribing" and largest is not None:
        return "the count of one channel's subscribers: one partition"
    if cause == "counting the app's connections":
        return "the count of the app's connections: one partition"
    if cause in ("heartbeats", "leases and surveys"):
        return f"{cause} of {of.traffic.placement.processes:,} processes: one server"
    return f"Redis: {cause}"


def _shares(all_causes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The largest first."""
    whole: dict[str, float] = {}
    for causes in all_causes:
        for cause, us in causes.items():
            whole[cause] = whole.get(cause, 0.0) + us
    total = sum(whole.values()) or 1.0
    return {cause: us / total for cause, us in sorted(whole.items(), key=lambda each: -each[1]) if us}
