"""Servers that use all processors: `revurb serve --workers N`, to be put beside peers with several threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.load.cluster import serving
from benchmarks.load.generator import Target
from benchmarks.load.scenarios import Proof, Scenario
from benchmarks.load.servers import Server

# What one process does alone is not asked of several; their memory is not a sum of RSS, since they share it.
SCENARIOS = ("publish", "fanout-1000-100b-w1", "fanout-1000-100b-w8", "whisper", "connect")


def unbound(scenarios: list[Scenario]) -> list[Scenario]:
    """The scenarios without their proofs, which are about one core: CPU time counts, however little of it there is."""
    return [replace(scenario, proof=Proof.NONE) for scenario in scenarios]


def revurb_workers(count: int) -> Server:
    """One process by itself too: `revurb-1`."""

    @contextmanager
    def started() -> Iterator[Target]:
        with serving(count) as cluster:
            yield Target(name, cluster.port, tuple(cluster.pids.values()))

    name = f"revurb-{count}"
    return Server(name, started, fresh=True)
