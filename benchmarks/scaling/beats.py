"""What each process asks of Redis all the time, whatever happens: that its lease be renewed, and heartbeats."""

from __future__ import annotations

from benchmarks.scaling.costs import LEASE_COMMANDS
from revurb.bus.redis.node_leases import RENEWALS_PER_LEASE
from revurb.bus.redis.redis_heartbeat import HEARTBEAT_S, TAILS_PER_BEAT
from revurb.config.scaling import RedisConfig

MEAN_PAUSE = 0.9  # of a time that is drawn between 0.8 and 1 of itself
LEASE_EVERY_S = RedisConfig().lease_s / RENEWALS_PER_LEASE * MEAN_PAUSE
HEARTBEAT_EVERY_S = HEARTBEAT_S * MEAN_PAUSE


def scripts_to_each(shards: int, partitions: int) -> int:
    """Of a heartbeat in a Cluster: one for the server, and some that ask where logs end that it has."""
    if shards == 1:
        return 1  # which reads the ends of all logs
    tails = max(2, TAILS_PER_BEAT // (shards + 1))
    return 1 + min(tails, partitions // shards - 1)


def scripts(shards: int, partitions: int) -> int:
    """Of a heartbeat to all servers; in a Cluster one more is for the keys of no partition."""
    return shards * scripts_to_each(shards, partitions) + (shards > 1)


def commands_per_s(shards: int, partitions: int) -> float:
    """Of a process, leases and heartbeats together."""
    return LEASE_COMMANDS / LEASE_EVERY_S + scripts(shards, partitions) / HEARTBEAT_EVERY_S


def position_age_s(shards: int, partitions: int) -> float:
    """How old, on average, is what a process knows of where a log ended up to which it has everything: each script of a
    heartbeat tells that of one log, and of a single server that of all."""
    at_once = partitions if shards == 1 else min(partitions, shards * scripts_to_each(shards, partitions))
    return partitions / at_once * HEARTBEAT_EVERY_S / 2
