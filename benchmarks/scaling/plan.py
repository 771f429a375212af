"""The fewest processes and shards that carry a workload, and what gives way first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.scaling.costs import Costs
from benchmarks.scaling.placement import even_shards
from benchmarks.scaling.simulation import SECONDS, SEED, Cluster, Use, cluster
from benchmarks.scaling.traffic import Design
from benchmarks.scaling.workload import Workload

HEADROOM = 0.6  # of a core, in the 99th percentile: for what is not foreseen, and for a host that is lost
SEARCH_S = 15.0  # simulated, while it is searched
STEP = 1.03  # the search ends when it knows the number so well


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that workers are on. Two cores are left for the kernel's part of the network, which no process is
    charged with. More connections than 10,000 were not measured on a process, and all of them come back at once when it
    dies. `egress_bits_per_s` is what may be used of a link of 10 Gbit/s."""

    cores: int = 16
    workers: int = 14
    connections_per_process: int = 25_000
    memory_bytes: float = 64e9 * 0.6
    egress_bits_per_s: float = 10e9 * 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a workload needs. `room` is how much more the busiest partition could do on a Redis of its own, as a factor:
    no number of shards brings more. Below 1 the workload cannot be carried, and `shards` is one for each partition.

    `limit` is what decides on the number of hosts, `first` what gives way first as the load grows. Shares are of the
    work of the processes, and of the busiest shard.
    """

    workload: str
    connections: int
    processes: int
    hosts: int
    shards: int
    room: float
    limit: str
    first: str
    process: Use
    shard: Use
    process_bytes: float
    host_bytes: float
    redis_bytes: float
    shard_bytes: float
    egress_bits_per_s: float
    host_egress_bits_per_s: float
    redis_egress_bits_per_s: float
    process_shares: dict[str, float]
    shard_shares: dict[str, float]


def plan(
    workload: Workload,
    costs: Costs,
    *,
    design: Design | None = None,
    balance: str = "random",
    host: Host | None = None,
    headroom: float = HEADROOM,
    seed: int = SEED,
) -> Plan:
    """Searches processes first, since Redis has to send to each of them, and then shards."""
    host, design = host or Host(), design or Design()

    def of(processes: int, seconds: float) -> Cluster:
        return cluster(workload, costs, processes, design=design, balance=balance, seconds=seconds, seed=seed)

    # One Redis, or a Cluster, whose clients have more to do. A first look saves a search that is known to be in vain.
    look = of(max(1, workload.connections // host.connections_per_process), SEARCH_S)
    most = min(
        host.connections_per_process,
        # One process has to fit on a host.
        int(host.memory_bytes / look.connection_bytes),
        int(host.egress_bits_per_s * workload.connections / max(1.0, look.egress_bits_per_s)),
    )
    for expected in (1, 2) if fewest_shards(look, headroom)[0] == 1 else (2,):
        processes = fewest_processes(of, workload.connections, headroom, max(1, most), expected)
        found = of(processes, SECONDS)
        while found.process_use(expected).p99 > headroom:
            processes = tidy(processes * STEP + 1)
            found = of(processes, SECONDS)
        shards, shard_use = fewest_shards(found, headroom)
        if shards == 1:
            break
    alone = even_shards(design.partitions, design.partitions)
    by_partition = found.shards(alone)
    uses = [Use.of([each.needed_us], [each.behind_us], found.slice_s).p99 for each in by_partition]
    busiest = uses.index(max(uses))
    shares = _shares([by_partition[busiest].causes_us])
    shares.pop("turns", None)  # which are shared by more where there is more
    process_shares = _shares([each.causes_us for each in found.processes(shards)])
    bits = found.egress_bits_per_s / processes
    fits = {
        f"CPU of processes, most of it {next(iter(process_shares))}": host.workers,
        "memory of hosts": int(host.memory_bytes / found.process_bytes),
        "links of hosts": int(host.egress_bits_per_s / max(1.0, bits)),
    }
    limit = min(fits, key=lambda name: fits[name])
    per_host = min(processes, max(1, fits[limit]))
    if fits[limit] == host.workers and found.process_use(shards).p99 < headroom * 0.8:
        limit = f"{host.connections_per_process:,} connections a process"
    return Plan(
        workload=workload.name,
        connections=workload.connections,
        processes=processes,
        hosts=math.ceil(processes / per_host),
        shards=shards,
        room=headroom / max(uses[busiest], 1e-9),
        limit=limit,
        first=_first(found, busiest, next(iter(shares))),
        process=found.process_use(shards),
        shard=shard_use,
        process_bytes=found.process_bytes,
        host_bytes=found.process_bytes * per_host,
        redis_bytes=found.redis_bytes + shards * found.shard_connections_bytes,
        shard_bytes=found.redis_bytes / shards + found.shard_connections_bytes,
        egress_bits_per_s=found.egress_bits_per_s,
        host_egress_bits_per_s=bits * per_host,
        redis_egress_bits_per_s=found.redis_egress_bits_per_s,
        process_shares=process_shares,
        shard_shares=shares,
    )


def room(
    workload: Workload, costs: Costs, processes: int, design: Design, *, headroom: float = HEADROOM
) -> float:
    """`Plan.room` of so many processes, with another design."""
    found = cluster(workload, costs, processes, design=design, seconds=SEARCH_S)
    return headroom / max(found.shard_use(design.partitions).p99, 1e-9)


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


def fewest_shards(of: Cluster, headroom: float) -> tuple[int, Use]:
    """A number that divides the partitions, which are dealt out evenly; all of them, if fewer do not do."""
    partitions = of.traffic.design.partitions
    for count in (each for each in range(1, partitions + 1) if partitions % each == 0):
        use = of.shard_use(count)
        if use.p99 <= headroom:
            break
    return count, use


def tidy(count: float) -> int:
    """Rounded up, to two digits."""
    whole = math.ceil(count)
    step = int(10 ** max(0, len(str(whole)) - 2))
    return -(-whole // step) * step


def _first(of: Cluster, partition: int, cause: str) -> str:
    """What the busiest partition has to do, in words."""
    here = [each for each in of.traffic.followed if each.partition == partition]
    largest = max(here, key=lambda each: each.band.subscribers, default=None)
    if cause == "sending events to processes":
        widest = 0.0 if largest is None else largest.receivers
        if widest > of.traffic.placement.processes / 2:
            return f"Redis sending a channel's events to {widest:,.0f} processes"
        return "Redis sending each event to all processes that want it"
    if cause == "subscribing" and largest is not None:
        return "the count of one channel's subscribers: one partition"
    if cause == "counting the app's connections":
        return "the count of the app's connections: one partition"
    return f"Redis: {cause}"


def _shares(all_causes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The largest first."""
    whole: dict[str, float] = {}
    for causes in all_causes:
        for cause, us in causes.items():
            whole[cause] = whole.get(cause, 0.0) + us
    total = sum(whole.values()) or 1.0
    return {cause: us / total for cause, us in sorted(whole.items(), key=lambda each: -each[1]) if us}
