"""What each Redis has to do in each slice of time: the partitions that it has, and what nodes ask of every server."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.scaling import beats
from benchmarks.scaling.costs import MOST_SHARED, Costs, Kind, sharing
from benchmarks.scaling.placement import poisson
from benchmarks.scaling.traffic import SURVEYS_PER_S, Followed, Load, Traffic

NODES_AT = 0  # the partition that is on the shard of `{nodes}`: leases, inboxes, `everyone`
WATCHED = 16  # shards: those that have the most to do on average


@dataclass(slots=True)
class Doings:
    """Of one shard in one slice."""

    published: float = 0
    told: float = 0
    sent: float = 0
    entered: float = 0
    counted: float = 0
    joined: float = 0
    listed: float = 0
    connections: float = 0
    leases: float = 0
    heartbeats: float = 0  # scripts
    surveyed: float = 0  # questions sent to processes, and their answers

    @property
    def commands(self) -> float:
        return (
            self.published
            + self.entered * 2
            + self.counted
            + self.joined * 2
            + self.connections
            + self.leases
            + self.heartbeats
            + self.surveyed
        )


@dataclass(slots=True)
class Shard:
    """One Redis: `worked_us` is what came in each slice, by its one thread; `needed_us` what that would have been had
    its turns been shared by as many as can be. The difference goes away by itself where there is more to do."""

    number: int
    load: Load = field(default_factory=Load)
    followed: list[Followed] = field(default_factory=list)
    has_nodes: bool = False
    worked_us: list[float] = field(default_factory=list)
    needed_us: list[float] = field(default_factory=list)
    behind_us: list[float] = field(default_factory=list)
    causes_us: dict[str, float] = field(default_factory=dict)
    sent: float = 0.0


def run(
    of: Traffic,
    costs: Costs,
    shard_of: Sequence[int],
    *,
    slices: int,
    slice_s: float,
    seed: int,
    together: float = 1.0,
    stretch: float = 1.0,
) -> list[Shard]:
    """The busiest of the shards, which have the partitions that `shard_of` gives them; WATCHED of them at most.
    Commands come `together` out of a process's turn, so many of them for one shard."""
    found = _shards(of, shard_of)
    count = len(found)

    def expected_us(shard: Shard) -> float:
        doing = _doing(of, shard, count)
        return _charge(None, doing, costs, _own_us(doing, costs, count), MOST_SHARED, of.links)

    found = heapq.nlargest(WATCHED, found, key=expected_us)
    for shard in found:
        rng = random.Random(f"shard {seed} {count} {shard.number}")
        for at in range(slices):
            doing = _doing(of, shard, count, rng, slice_s, at)
            own_us = _own_us(doing, costs, count)
            commands = doing.commands
            turn = Kind(commands / slice_s, costs.redis_turn_us, sum(own_us.values()) / max(1.0, commands))
            shared = max(together, *sharing((turn,), 0.0, stretch))
            us = _charge(shard, doing, costs, own_us, shared, of.links)
            shard.needed_us.append(_charge(None, doing, costs, own_us, MOST_SHARED, of.links))
            behind_us = shard.behind_us[-1] if shard.behind_us else 0.0
            shard.worked_us.append(us)
            shard.behind_us.append(max(0.0, behind_us + us - slice_s * 1e6))
            shard.sent += doing.sent
    return found


def _shards(of: Traffic, shard_of: Sequence[int]) -> list[Shard]:
    found = [Shard(number) for number in range(max(shard_of) + 1)]
    for partition, load in enumerate(of.loads):
        found[shard_of[partition]].load.add(load)
    for channel in of.followed:
        found[shard_of[channel.partition]].followed.append(channel)
    found[shard_of[NODES_AT]].has_nodes = True
    return found


def _doing(
    of: Traffic,
    shard: Shard,
    shards: int,
    rng: random.Random | None = None,
    slice_s: float = 1.0,
    at: int = 0,
) -> Doings:
    """What comes in a slice; without `rng` what comes on average. Sends follow the events."""

    def some(a_second: float) -> float:
        return a_second * slice_s if rng is None else poisson(rng, a_second * slice_s)

    load, processes = shard.load, of.placement.processes
    published, told, joined = some(load.published), some(load.told), some(load.joined)
    rate = load.published + load.told
    sent = (published + told) * load.sent / rate if rate else 0.0
    for channel in shard.followed:
        events = channel.band.events_per_s * slice_s if rng is None else channel.events[at]
        published += events
        sent += events * channel.receivers
    scripts = beats.scripts_to_each(shards, of.design.partitions) + (shard.has_nodes and shards > 1)
    return Doings(
        published=published,
        told=told,
        sent=sent,
        entered=some(load.entered),
        counted=some(load.counted),
        joined=joined,
        listed=joined * load.listed / load.joined if load.joined else 0.0,
        connections=some(load.connections),
        leases=some(processes / beats.LEASE_EVERY_S) if shard.has_nodes else 0.0,
        heartbeats=some(processes * scripts / beats.HEARTBEAT_EVERY_S),
        surveyed=some(SURVEYS_PER_S) * processes if shard.has_nodes else 0.0,
    )


def _own_us(doing: Doings, costs: Costs, shards: int) -> dict[str, float]:
    """By cause, without turns, and without system calls for sending."""
    cluster = costs.redis_cluster_share if shards > 1 else 1.0
    heartbeat_us = costs.redis_script_us if shards > 1 else costs.redis_heartbeat_us
    return {
        "publishing": doing.published * costs.redis_publish_us * cluster,
        "sending events": doing.sent * costs.redis_send_us,
        "subscribing": doing.entered * (costs.redis_enter_us + costs.redis_leave_us)
        + doing.counted * costs.redis_count_us,
        "presence": doing.joined * (costs.redis_join_us + costs.redis_part_us)
        + doing.listed * costs.redis_list_member_us,
        "counting the app's connections": doing.connections * costs.redis_count_us,
        "heartbeats": doing.heartbeats * heartbeat_us,
        "leases and surveys": doing.leases * costs.redis_lease_us
        + doing.surveyed * (costs.redis_send_us + costs.redis_publish_us),
    }


def _charge(
    shard: Shard | None,
    doing: Doings,
    costs: Costs,
    own_us: dict[str, float],
    shared: float,
    connections: float,
) -> float:
    """All of it in us, where so many commands share a turn; `shard` is charged if there is one."""
    commands, events = doing.commands, doing.published + doing.told
    # Links that are written to in a turn: fewer than events go to, where several events go to the same.
    writes = doing.sent
    if events and connections > 1:
        each = min(doing.sent / events, connections)
        in_turn = max(1.0, shared * events / max(commands, events))
        writes = min(writes, events / in_turn * connections * (1 - (1 - each / connections) ** in_turn))
    by_cause = dict(own_us)
    by_cause["sending events"] += writes * costs.redis_write_us
    by_cause["leases and surveys"] += doing.surveyed * costs.redis_write_us
    by_cause["turns"] = commands / shared * costs.redis_turn_us
    if shard is not None:
        for cause, us in by_cause.items():
            shard.causes_us[cause] = shard.causes_us.get(cause, 0.0) + us
    return sum(by_cause.values())
