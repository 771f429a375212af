"""What the relay of a host has to do in each slice of time: it has the host's link to Redis, to each server one
connection for commands and one for events. Each event comes to it once, and its workers' commands share pipelines."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from benchmarks.scaling import beats
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.placement import poisson
from benchmarks.scaling.traffic import Traffic

TURN_S = 0.01


@dataclass(slots=True)
class Relay:
    """One process, one core; as `Process` has it."""

    worked_us: list[float] = field(default_factory=list)
    behind_us: list[float] = field(default_factory=list)


def run(of: Traffic, costs: Costs, *, slices: int, slice_s: float, rng: random.Random, shards: int) -> Relay:
    """The relay of a host like all others. On a turn it has to do with as many servers as its commands are for."""
    found, workers = Relay(), min(of.design.workers, of.placement.processes)
    commands_per_s = _commands_per_s(of, shards) * workers
    beats_per_s = workers * (shards + (shards > 1)) / beats.HEARTBEAT_EVERY_S
    for at in range(slices):
        commands = poisson(rng, commands_per_s * slice_s)
        events = poisson(rng, (of.rates.relayed + beats_per_s) * slice_s)
        events += round(sum(each.events[at] * each.receivers for each in of.followed) / of.links)
        us = _busy(costs, commands / slice_s, events / slice_s, shards) * slice_s * 1e6
        behind_us = found.behind_us[-1] if found.behind_us else 0.0
        found.worked_us.append(us)
        found.behind_us.append(max(0.0, behind_us + us - slice_s * 1e6))
    return found


def _busy(costs: Costs, commands_per_s: float, events_per_s: float, shards: int) -> float:
    """Which share of the time it takes, with a turn every TURN_S. It has more turns than that while it has little to
    do, and that goes away by itself."""
    commands, events = commands_per_s * TURN_S, events_per_s * TURN_S
    turn_us = (
        min(1.0, commands) * costs.relay_turn_us
        + min(1.0, events) * costs.relay_read_us
        + max(0.0, servers(shards, commands) - 1) * costs.relay_server_us
        + max(0.0, servers(shards, events) - 1) * costs.relay_server_us
        + commands * costs.relay_command_us
        + events * costs.relay_receive_us
    )
    return turn_us / TURN_S / 1e6


def servers(shards: int, things: float) -> float:
    """How many servers so many things are for, at random."""
    return shards * (1 - (1 - 1 / shards) ** things) if shards > 1 else min(1.0, things)


def _commands_per_s(of: Traffic, shards: int) -> float:
    """Of a worker."""
    rates = of.rates
    published = rates.published
    published += sum(each.band.events_per_s for each in of.followed) / of.placement.processes
    asked = rates.entered * 2 + rates.counted + rates.joined * 2 + rates.connections
    return published + asked + beats.commands_per_s(shards, of.design.partitions)
