"""A minute of operation: so many processes and shards, and what each of them had to do."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scaling import processes, relays, shards
from benchmarks.scaling.costs import KERNEL_BYTES, PACKET_BYTES, Costs
from benchmarks.scaling.placement import even_shards, place
from benchmarks.scaling.processes import Process
from benchmarks.scaling.shards import Shard
from benchmarks.scaling.traffic import Design, Traffic, traffic
from benchmarks.scaling.workload import Workload
from revurb.config.scaling import RedisConfig

SECONDS = 60.0
SLICE_S = 0.1
WINDOW_S = 5.0  # over which use is taken: a fan-out may fill a second, as long as it does not stay so
LOG_S = RedisConfig().kept_s
SEED = 64
ENVELOPE_BYTES = 48  # event name and channel around an event's data, on the bus


@dataclass(frozen=True, slots=True)
class Use:
    """How busy they are, 1 is a core: on average, and in the 99th percentile of the busiest one's windows. How far they
    were behind with their work in the 99th percentile of the slices, of the worst one."""

    mean: float
    p99: float
    behind_ms: float

    @classmethod
    def of(
        cls, worked_us: Sequence[Sequence[float]], behind_us: Sequence[Sequence[float]], slice_s: float
    ) -> Use:
        width = round(WINDOW_S / slice_s)
        windows = [
            [
                sum(each[at : at + width]) / (len(each[at : at + width]) * slice_s * 1e6)
                for at in range(0, len(each), width)
            ]
            for each in worked_us
        ]
        return cls(
            mean=sum(map(sum, worked_us)) / (len(worked_us) * len(worked_us[0]) * slice_s * 1e6),
            p99=max(quantile(each, 0.99) for each in windows),
            behind_ms=max(quantile(each, 0.99) for each in behind_us) / 1000,
        )


@dataclass(slots=True)
class Cluster:
    """A workload on a number of processes, before it is known on how many shards."""

    traffic: Traffic
    costs: Costs
    seconds: float
    slice_s: float
    seed: int
    stretch: float = 1.0

    @property
    def slices(self) -> int:
        return round(self.seconds / self.slice_s)

    def processes(self, shard_count: int) -> list[Process]:
        rng = random.Random(f"processes {self.seed}")
        return processes.run(
            self.traffic,
            self.costs,
            slices=self.slices,
            slice_s=self.slice_s,
            rng=rng,
            shards=shard_count,
            stretch=self.stretch,
        )

    def process_use(self, shard_count: int) -> Use:
        found = self.processes(shard_count)
        return Use.of([each.worked_us for each in found], [each.behind_us for each in found], self.slice_s)

    def relay_use(self, shard_count: int) -> Use | None:
        """Of the process that has the link of a host; None where each process has its own."""
        if not self.traffic.has_relays:
            return None
        rng = random.Random(f"relay {self.seed}")
        found = relays.run(
            self.traffic, self.costs, slices=self.slices, slice_s=self.slice_s, rng=rng, shards=shard_count
        )
        return Use.of([found.worked_us], [found.behind_us], self.slice_s)

    def shards(self, shard_of: Sequence[int], together: float = 1.0) -> list[Shard]:
        """The busiest. `together`: of the commands of a process's turn, how many go to one shard."""
        return shards.run(
            self.traffic,
            self.costs,
            shard_of,
            slices=self.slices,
            slice_s=self.slice_s,
            seed=self.seed,
            together=together,
            stretch=self.stretch,
        )

    def shard_use(self, shard_count: int) -> Use:
        """What they need, with their turns shared by as many commands as can be."""
        found = self.shards(even_shards(shard_count, self.traffic.design.partitions))
        return Use.of([each.needed_us for each in found], [each.behind_us for each in found], self.slice_s)

    # Memory and traffic follow from the rates; nothing about them is random enough to be replayed.

    @property
    def process_bytes(self) -> float:
        """Of the fullest simulated process, the kernel's part with it."""
        return self.costs.process_bytes + max(self.traffic.placement.seats) * self.connection_bytes

    @property
    def connection_bytes(self) -> float:
        of = self.traffic
        channels = of.held_per_process * of.placement.processes / max(1, of.workload.connections)
        return self.costs.connection_bytes + KERNEL_BYTES + channels * self.costs.node_channel_bytes

    @property
    def redis_bytes(self) -> float:
        """Of all shards together, without the connections to them."""
        of, costs = self.traffic, self.costs
        entries = (of.workload.published_per_s + sum(load.told for load in of.loads)) * LOG_S
        return (
            of.held_per_process * of.placement.processes * costs.redis_channel_bytes
            + of.members * costs.redis_member_bytes
            + entries * (self.text_bytes + costs.entry_bytes)
        )

    @property
    def shard_connections_bytes(self) -> float:
        """Of one shard: two connections of each host, or of each process that is by itself."""
        return 2 * self.traffic.links * self.costs.redis_connection_bytes

    @property
    def text_bytes(self) -> int:
        return self.traffic.workload.event_bytes + ENVELOPE_BYTES

    @property
    def egress_bits_per_s(self) -> float:
        """To clients, with the headers of packets."""
        workload = self.traffic.workload
        each = workload.event_bytes + self.costs.frame_bytes + PACKET_BYTES
        return 8 * (workload.deliveries_per_s + workload.told_deliveries_per_s) * each

    @property
    def redis_egress_bits_per_s(self) -> float:
        """Of all shards together, to hosts."""
        return 8 * self.traffic.event_sends_per_s * (self.text_bytes + self.costs.event_out_bytes)


def cluster(
    workload: Workload,
    costs: Costs,
    process_count: int,
    *,
    design: Design | None = None,
    balance: str = "random",
    seconds: float = SECONDS,
    slice_s: float = SLICE_S,
    seed: int = SEED,
    stretch: float = 1.0,
) -> Cluster:
    rng = random.Random(f"{workload.name} {seed}")
    placement = place(workload.connections, process_count, rng, balance)
    of = traffic(
        workload,
        placement,
        design or Design(),
        slices=round(seconds / slice_s),
        slice_s=slice_s,
        rng=rng,
    )
    return Cluster(of, costs, seconds, slice_s, seed, stretch)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
