"""A workload as it meets processes and partitions: rates of what is many, and every event of what is large.

The largest channels are followed one by one: each of their events reaches all processes and its one partition in the
same slice of time. The rest comes at random, at the rates that follow from how many subscribers each has.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, fields

from benchmarks.scaling.placement import (
    Placement,
    partition_of_connections,
    partitions_of,
    poisson,
)
from benchmarks.scaling.workload import Band, Workload
from revurb.bus.brokered.held_counts import TELL_EVERY_S
from revurb.bus.redis.keys import PARTITIONS

FOLLOWED = 128  # channels
CERTAIN = 20.0  # changes in the time after which a count is told: it is held for ever
SURVEYS_PER_S = 1 / 30  # somebody looks at the whole cluster: two monitors, once a minute each


@dataclass(frozen=True, slots=True)
class Design:
    """What could be otherwise. `workers` are those of a host: several share a link to Redis, its relay. `partitions`:
    a Redis Cluster has more of them than one server. `counts_every_s`: how often a process tells a count that changes
    often; 0 is at once."""

    workers: int = 1
    partitions: int = PARTITIONS
    counts_every_s: float = TELL_EVERY_S


@dataclass(slots=True)
class Followed:
    """A large channel: its subscribers on each simulated process, its partition, how many links get its events."""

    band: Band
    partition: int
    receivers: float
    on_seats: list[int]
    events: list[int] = field(default_factory=list)  # in each slice


@dataclass(slots=True)
class Rates:
    """A second, of all channels together that are not followed, at a process with an average number of connections."""

    published: float = 0.0
    received: float = 0.0
    relayed: float = 0.0  # events of any kind, received by the host
    told: float = 0.0  # events that members came or went, received
    delivered: float = 0.0  # to clients, by either
    entered: float = 0.0  # subscriptions to channels that the process does not have yet
    counted: float = 0.0
    joined: float = 0.0  # presence
    listed: float = 0.0  # members in the lists that they are sent
    connections: float = 0.0  # reports of how many there are


@dataclass(slots=True)
class Load:
    """A second, in one partition."""

    published: float = 0.0
    told: float = 0.0
    sent: float = 0.0  # to links
    entered: float = 0.0
    counted: float = 0.0
    joined: float = 0.0
    listed: float = 0.0
    connections: float = 0.0  # reports of the number of an app's connections

    def add(self, other: Load) -> None:
        for name in LOADS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


LOADS = tuple(each.name for each in fields(Load))


@dataclass(slots=True)
class Traffic:
    """All of a workload. `dealt_out` are rates, `followed` channels; `loads` are those of the partitions."""

    workload: Workload
    placement: Placement
    design: Design
    followed: list[Followed]
    rates: Rates
    loads: list[Load]
    held_per_process: float  # channels with subscribers on a process
    members: float
    event_sends_per_s: float  # by Redis, of all events

    @property
    def has_relays(self) -> bool:
        return min(self.design.workers, self.placement.processes) > 1

    @property
    def links(self) -> int:
        """To Redis: of hosts, or of processes that are by themselves."""
        if not self.has_relays:
            return self.placement.processes
        return math.ceil(self.placement.processes / self.design.workers)


def traffic(
    workload: Workload,
    placement: Placement,
    design: Design,
    *,
    slices: int,
    slice_s: float,
    rng: random.Random,
) -> Traffic:
    """What there is to do in so many slices; the same for every seed's state of `rng`."""
    loads = [Load() for _ in range(design.partitions)]
    found = Traffic(workload, placement, design, [], Rates(), loads, 0.0, 0.0, 0.0)
    left = FOLLOWED
    for band in sorted(workload.bands, key=lambda each: -each.subscribers * max(each.events_per_s, 1e-9)):
        if band.channels <= left and not band.presence:
            left -= band.channels
            _follow(found, band, slices, slice_s, rng)
        else:
            _deal_out(found, band)
        _come_and_go(found, band)
    told = _told(2 * workload.connects_per_s, placement.processes, design)
    found.rates.connections = told / placement.processes
    loads[partition_of_connections(design.partitions)].connections += told
    return found


def _receivers(of: Traffic, subscribers: int) -> float:
    """Links that Redis sends an event of the channel to."""
    if not of.has_relays:
        return of.placement.interested(subscribers)
    return of.links * (1.0 - (1 - 1 / of.links) ** subscribers)


def _follow(of: Traffic, band: Band, slices: int, slice_s: float, rng: random.Random) -> None:
    shares = partitions_of(band, of.design.partitions)
    homes = [number for number, share in enumerate(shares) for _ in range(round(share * band.channels))]
    for number in range(band.channels):
        channel = Followed(
            band,
            homes[number % len(homes)],
            _receivers(of, band.subscribers),
            of.placement.on_seats(band.subscribers, rng),
        )
        channel.events = [poisson(rng, band.events_per_s * slice_s) for _ in range(slices)]
        of.followed.append(channel)
        of.event_sends_per_s += band.events_per_s * channel.receivers
    of.held_per_process += band.channels * of.placement.interested(band.subscribers) / of.placement.processes


def _deal_out(of: Traffic, band: Band) -> None:
    """Publish, receive, deliver: at a process, and in the partitions."""
    processes = of.placement.processes
    interested = of.placement.interested(band.subscribers)
    receivers = _receivers(of, band.subscribers)
    published = band.channels * band.events_per_s
    told = of.workload.told_per_s(band)
    of.rates.published += published / processes
    of.rates.received += published * interested / processes
    of.rates.relayed += (published + told) * receivers / of.links
    of.rates.told += told * interested / processes
    of.rates.delivered += (published + told) * band.subscribers / processes
    of.held_per_process += band.channels * interested / processes
    of.members += band.subscriptions if band.presence else 0
    of.event_sends_per_s += (published + told) * receivers
    for load, share in zip(of.loads, partitions_of(band, of.design.partitions), strict=True):
        load.published += published * share
        load.told += told * share
        load.sent += (published + told) * receivers * share


def _come_and_go(of: Traffic, band: Band) -> None:
    """Each connection that comes subscribes to its part of the band, and each that goes leaves it."""
    processes = of.placement.processes
    a_second = band.subscriptions / of.workload.stay_s
    first = (1 - 1 / processes) ** (band.subscribers - 1)  # nobody else of the channel is on the process
    entered = 0.0 if band.presence else a_second * first
    joined = a_second if band.presence else 0.0
    # Of those who come, and of those who go: the last of a channel on a process is charged with `entered`.
    counts = round(band.channels * of.placement.interested(band.subscribers))
    counted = _told(2 * (a_second - entered - joined), counts, of.design)
    of.rates.entered += entered / processes
    of.rates.counted += counted / processes
    of.rates.joined += joined / processes
    of.rates.listed += joined * band.subscribers / processes
    for load, share in zip(of.loads, partitions_of(band, of.design.partitions), strict=True):
        load.entered += entered * share
        load.counted += counted * share
        load.joined += joined * share
        load.listed += joined * band.subscribers * share


def _told(changes_per_s: float, counts: int, design: Design) -> float:
    """Commands to Redis for changes of so many counts, all alike."""
    return counts * sum(reports_per_s(changes_per_s / max(1, counts), design.counts_every_s))


def reports_per_s(changes_per_s: float, every_s: float) -> tuple[float, float]:
    """How often a count is told that changes at random so often, and how often it begins or ends to be held: two
    changes within `every_s` begin that, and so long without any ends it (revurb/bus/brokered/held_counts.py)."""
    changes = changes_per_s * every_s
    if not changes:
        return changes_per_s, 0.0
    if changes > CERTAIN:
        return 1 / every_s, 0.0
    some = 1 - math.exp(-changes)
    held_s, free_s = every_s / (1 - some), (1 + 1 / some) / changes_per_s
    share = held_s / (held_s + free_s)
    return share * some / every_s + (1 - share) * changes_per_s, 2 / (held_s + free_s)
