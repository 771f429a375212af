"""A workload as it meets processes and partitions: rates of what is many, and every event of what is large.

The largest channels are followed one by one: each of their events reaches all processes and its one partition in the
same slice of time. The rest comes at random, at the rates that follow from how many subscribers each has.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from benchmarks.scaling.placement import (
    Placement,
    partition_of_connections,
    partitions_of,
    poisson,
)
from benchmarks.scaling.workload import Band, Workload
from revurb.bus.brokered.count_reporter import REPORT_EVERY_S
from revurb.bus.redis.keys import PARTITIONS

FOLLOWED = 128  # channels
BEAT_S = 10.0 / 4 * 0.9  # of the default lease: revurb/bus/redis/node_leases.py
SURVEYS_PER_S = 1 / 30  # somebody looks at the whole cluster: two monitors, once a minute each


@dataclass(frozen=True, slots=True)
class Design:
    """What could be otherwise. `processes_per_receiver`: Redis sends an event once for so many of them, which a relay
    on each host would make possible. `counts_every_s`: how often a process tells how many connections and subscribers
    it has, at most; 0 is at once."""

    partitions: int = PARTITIONS
    processes_per_receiver: int = 1
    counts_every_s: float = REPORT_EVERY_S


@dataclass(slots=True)
class Followed:
    """A large channel: its subscribers on each simulated process, its partition, how many processes get its events."""

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
    told: float = 0.0  # events that members came or went, received
    delivered: float = 0.0  # to clients, by either
    entered: float = 0.0  # subscriptions to channels that the process does not have yet
    counted: float = 0.0
    joined: float = 0.0  # presence
    listed: float = 0.0  # members in the lists that they are sent


@dataclass(slots=True)
class Load:
    """A second, in one partition."""

    published: float = 0.0
    told: float = 0.0
    sent: float = 0.0  # to processes
    entered: float = 0.0
    counted: float = 0.0
    joined: float = 0.0
    listed: float = 0.0
    connections: float = 0.0  # changes of the number of an app's connections


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
    at_once = 2 * workload.connects_per_s
    loads[partition_of_connections(design.partitions)].connections += _told(
        at_once, placement.processes, placement.processes, design
    )
    return found


def _receivers(of: Traffic, subscribers: int) -> float:
    """Subscribing connections that Redis sends an event of the channel to."""
    share = of.design.processes_per_receiver
    hosts = max(1.0, of.placement.processes / share)
    if share == 1:
        return of.placement.interested(subscribers)
    return float(hosts * (1 - (1 - 1 / hosts) ** subscribers))


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
    counted = _told(2 * (a_second - entered - joined), processes, band.channels * processes, of.design)
    of.rates.entered += entered / processes
    of.rates.counted += counted / processes
    of.rates.joined += joined / processes
    of.rates.listed += joined * band.subscribers / processes
    for load, share in zip(of.loads, partitions_of(band, of.design.partitions), strict=True):
        load.entered += entered * share
        load.counted += counted * share
        load.joined += joined * share
        load.listed += joined * band.subscribers * share


def _told(changes_per_s: float, processes: int, counts: int, design: Design) -> float:
    """Changes of so many counts, that each process tells as often as the design lets it."""
    if not design.counts_every_s:
        return changes_per_s
    return min(changes_per_s, counts / design.counts_every_s)
