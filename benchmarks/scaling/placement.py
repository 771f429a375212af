"""Where things are: connections on processes, subscribers of a channel on them, channels in partitions and shards."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from redis.crc import key_slot

from benchmarks.scaling.workload import Band
from revurb.bus.redis.keys import CLUSTER_PARTITIONS, PARTITIONS, partition_of

APP_ID = "1"
NAMES_HASHED = 16_384  # of a group of channels: enough to see how even partitions are
SAMPLED = 12  # processes that are simulated, where there are more
SLOTS = 16384  # of a Redis Cluster


@dataclass(frozen=True, slots=True)
class Placement:
    """`processes` in all. `seats` are the connections of those that are simulated: the fullest and some others, all of
    them where there are few."""

    processes: int
    connections: int
    seats: tuple[int, ...]
    balance: str = "random"

    @property
    def everyone(self) -> bool:
        return len(self.seats) == self.processes

    def on_seats(self, subscribers: int, rng: random.Random) -> list[int]:
        """How many of a channel's subscribers are on each simulated process; all of them, where all are."""
        if self.everyone:
            if self.balance == "least":
                return _dealt(subscribers, self.seats)
            return _drawn(subscribers, self.seats, rng)
        return [binomial(rng, subscribers, seat / self.connections) for seat in self.seats]

    def interested(self, subscribers: int) -> float:
        """On how many processes a channel's subscribers are, on average."""
        if self.balance == "least" and self.everyone:
            return min(self.processes, subscribers)
        return self.processes * (1 - (1 - 1 / self.processes) ** subscribers)


def place(connections: int, processes: int, rng: random.Random, balance: str = "random") -> Placement:
    """`balance`: "random", as a load balancer that takes turns or hashes does in the long run, or "least", which gives
    each process as many as the others."""
    each, more = divmod(connections, processes)
    even = [each + (number < more) for number in range(processes)]
    if balance == "least":
        seats = even
    else:
        spread = math.sqrt(connections / processes * (1 - 1 / processes))
        seats = [max(0, round(count + rng.gauss(0, spread))) for count in even]
        if processes <= SAMPLED:
            seats = _drawn(connections, [1] * processes, rng)
    if processes > SAMPLED:
        seats = [max(seats), *rng.sample(seats, SAMPLED - 1)]
    return Placement(processes, connections, tuple(seats), balance)


def partitions_of(band: Band, partitions: int = PARTITIONS) -> list[float]:
    """The share of a group's channels in each partition, by the names that they might have."""
    return list(_partitions_of(band.name, band.channels, partitions))


@lru_cache(maxsize=1024)
def _partitions_of(name: str, channels: int, partitions: int) -> tuple[float, ...]:
    hashed = min(channels, NAMES_HASHED)
    found = Counter(_partition(f"{name}-{number}", partitions) for number in range(hashed))
    if channels > hashed:  # so many that they are as good as even, but for chance
        spread = math.sqrt(hashed / channels)
        return tuple(
            1 / partitions + (found[each] / hashed - 1 / partitions) * spread for each in range(partitions)
        )
    return tuple(found[each] / hashed for each in range(partitions))


def partition_of_connections(partitions: int = PARTITIONS) -> int:
    """Where the connections of the app are counted."""
    return _partition("", partitions)


def _partition(channel: str, partitions: int) -> int:
    return partition_of(APP_ID, channel, partitions)


def even_shards(shards: int, partitions: int = PARTITIONS) -> list[int]:
    """The shard of each partition, where their slots were dealt out one by one."""
    return [number % shards for number in range(partitions)]


def default_shards(shards: int, partitions: int = CLUSTER_PARTITIONS) -> list[int]:
    """The shard of each partition, where each shard has as many slots as the others, as redis-cli makes a Cluster."""
    return [key_slot(f"p{number}".encode()) * shards // SLOTS for number in range(partitions)]


def binomial(rng: random.Random, trials: int, share: float) -> int:
    """How many of `trials` hit; near enough where there are many."""
    mean = trials * share
    if mean < 30 and trials > 1000:
        return min(trials, poisson(rng, mean))
    if trials > 1000:
        return min(trials, max(0, round(rng.gauss(mean, math.sqrt(mean * max(0.0, 1 - share))))))
    return sum(rng.random() < share for _ in range(trials))


def poisson(rng: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    threshold, count, product = math.exp(-mean), 0, rng.random()
    while product > threshold:
        count += 1
        product *= rng.random()
    return count


def _dealt(whole: int, weights: Sequence[int]) -> list[int]:
    """`whole` dealt out by weight, to the last one, as evenly as it goes."""
    total, so_far = sum(weights), 0
    found: list[int] = []
    for weight in weights:
        so_far += weight
        found.append(whole * so_far // total - sum(found))
    return found


def _drawn(whole: int, weights: Sequence[int], rng: random.Random) -> list[int]:
    """`whole` thrown at `weights`, to the last one."""
    total, found = sum(weights), []
    for weight in weights:
        count = whole if weight == total else binomial(rng, whole, weight / total)
        found.append(count)
        whole -= count
        total -= weight
    return found
