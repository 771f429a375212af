"""What each partition, and so each Redis, has to do in each slice of time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from benchmarks.scaling.costs import MOST_SHARED, Costs, Kind, sharing
from benchmarks.scaling.placement import poisson
from benchmarks.scaling.traffic import BEAT_S, SURVEYS_PER_S, Load, Traffic

NODES_AT = 0  # the partition that is on the shard of `{nodes}`: leases, inboxes, `everyone`


@dataclass(slots=True)
class Doings:
    """Of one partition in one slice."""

    published: float = 0
    told: float = 0
    sent: float = 0
    entered: float = 0
    counted: float = 0
    joined: float = 0
    listed: float = 0
    connections: float = 0
    beats: float = 0
    surveyed: float = 0  # questions sent to processes, and their answers

    def add(self, other: Doings) -> None:
        for name in _NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def commands(self) -> float:
        return (
            self.published
            + self.entered * 2
            + self.counted
            + self.joined * 2
            + self.connections
            + self.beats * 2
            + self.surveyed
        )


_NAMES = tuple(each.name for each in fields(Doings))


@dataclass(slots=True)
class Shard:
    """One Redis: `worked_us` is what came in each slice, by its one thread; `needed_us` what that would have been had
    its turns been shared by as many as can be. The difference goes away by itself where there is more to do."""

    worked_us: list[float] = field(default_factory=list)
    needed_us: list[float] = field(default_factory=list)
    behind_us: list[float] = field(default_factory=list)
    causes_us: dict[str, float] = field(default_factory=dict)
    sent: float = 0.0


def doings(of: Traffic, *, slices: int, slice_s: float, rng: random.Random) -> list[list[Doings]]:
    """By partition and slice."""
    found = [[_some(load, slice_s, rng) for _ in range(slices)] for load in of.loads]
    for channel in of.followed:
        for at, events in enumerate(channel.events):
            if events:
                doing = found[channel.partition][at]
                doing.published += events
                doing.sent += events * channel.receivers
    processes = of.placement.processes
    for doing in found[NODES_AT]:
        doing.beats += poisson(rng, processes / BEAT_S * slice_s)
        doing.surveyed += poisson(rng, SURVEYS_PER_S * slice_s) * processes
    return found


def run(
    of: Traffic,
    costs: Costs,
    all_doings: Sequence[Sequence[Doings]],
    shard_of: Sequence[int],
    slice_s: float,
    *,
    together: float = 1.0,
    stretch: float = 1.0,
) -> list[Shard]:
    """The shards, which have the partitions that `shard_of` gives them. Commands come `together` out of a process's
    turn, so many of them for one shard."""
    found = [Shard() for _ in range(max(shard_of) + 1)]
    cluster = costs.redis_cluster_share if len(found) > 1 else 1.0
    connections = of.placement.processes / of.design.processes_per_receiver
    for at in range(len(all_doings[0])):
        sums = [Doings() for _ in found]
        for number, partition in enumerate(all_doings):
            sums[shard_of[number]].add(partition[at])
        for shard, doing in zip(found, sums, strict=True):
            own_us = _own_us(doing, costs, cluster)
            commands = doing.commands
            turn = Kind(commands / slice_s, costs.redis_turn_us, sum(own_us.values()) / max(1.0, commands))
            shared = max(together, *sharing((turn,), 0.0, stretch))
            us = _charge(shard, doing, costs, own_us, shared, connections)
            shard.needed_us.append(_charge(None, doing, costs, own_us, MOST_SHARED, connections))
            behind_us = shard.behind_us[-1] if shard.behind_us else 0.0
            shard.worked_us.append(us)
            shard.behind_us.append(max(0.0, behind_us + us - slice_s * 1e6))
            shard.sent += doing.sent
    return found


def _own_us(doing: Doings, costs: Costs, cluster: float) -> dict[str, float]:
    """By cause, without turns, and without system calls for sending."""
    return {
        "publishing": doing.published * costs.redis_publish_us * cluster,
        "sending events to processes": doing.sent * costs.redis_send_us,
        "subscribing": doing.entered * (costs.redis_enter_us + costs.redis_leave_us)
        + doing.counted * costs.redis_count_us,
        "presence": doing.joined * (costs.redis_join_us + costs.redis_part_us)
        + doing.listed * costs.redis_list_member_us,
        "counting the app's connections": doing.connections * costs.redis_count_us,
        "leases and surveys": doing.beats * costs.redis_beat_us
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
    # Connections that are written to in a turn: fewer than events go to, where several events go to the same.
    writes = doing.sent
    if events and connections > 1:
        each = min(doing.sent / events, connections)
        in_turn = max(1.0, shared * events / max(commands, events))
        writes = min(writes, events / in_turn * connections * (1 - (1 - each / connections) ** in_turn))
    by_cause = dict(own_us)
    by_cause["sending events to processes"] += writes * costs.redis_write_us
    by_cause["leases and surveys"] += doing.surveyed * costs.redis_write_us
    by_cause["turns"] = commands / shared * costs.redis_turn_us
    if shard is not None:
        for cause, us in by_cause.items():
            shard.causes_us[cause] = shard.causes_us.get(cause, 0.0) + us
    return sum(by_cause.values())


def _some(load: Load, slice_s: float, rng: random.Random) -> Doings:
    """What comes of a partition's rates in a slice. Sends follow the events."""
    published, told = poisson(rng, load.published * slice_s), poisson(rng, load.told * slice_s)
    rate = load.published + load.told
    joined = poisson(rng, load.joined * slice_s)
    return Doings(
        published=published,
        told=told,
        sent=(published + told) * load.sent / rate if rate else 0.0,
        entered=poisson(rng, load.entered * slice_s),
        counted=poisson(rng, load.counted * slice_s),
        joined=joined,
        listed=joined * load.listed / load.joined if load.joined else 0.0,
        connections=poisson(rng, load.connections * slice_s),
    )
