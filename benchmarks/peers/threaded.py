"""Servers that use all processors: `revurb serve --workers N`, and peers with several threads. Wherever they may run.

A peer is taken from where `benchmarks/peers/build` leaves it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.load.cluster import serving
from benchmarks.load.generator import Target
from benchmarks.load.scenarios import Proof, Scenario
from benchmarks.load.servers import Server

# What one process does alone is not asked of several; their memory is not a sum of RSS, since they share it.
SCENARIOS = ("publish", "fanout-1000-100b-w1", "fanout-1000-100b-w8", "whisper", "connect")
START_S = 20.0
# So much that no limit is met. Its own defaults are 100 of everything.
SOCKUDO_LIMITS = (
    "CONNECTIONS",
    "BACKEND_EVENTS_PER_SECOND",
    "CLIENT_EVENTS_PER_SECOND",
    "READ_REQUESTS_PER_SECOND",
)


def unbound(scenarios: list[Scenario]) -> list[Scenario]:
    """The scenarios without their proofs, which are about one core: CPU time counts, however little of it there is."""
    return [replace(scenario, proof=Proof.NONE) for scenario in scenarios]


def folder() -> Path:
    """Where the peers are built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("BENCHMARK_PEERS") or cache / "revurb-peers")


def revurb_workers(count: int) -> Server:
    """One process by itself too: `revurb-1`."""

    @contextmanager
    def started() -> Iterator[Target]:
        with serving(count) as cluster:
            yield Target(name, cluster.port, tuple(cluster.pids.values()))

    name = f"revurb-{count}"
    return Server(name, started, fresh=True)


def sockudo() -> Server | None:
    """None if it has not been built."""
    binary = folder() / "bin" / "sockudo"
    if not binary.exists():
        return None

    @contextmanager
    def started() -> Iterator[Target]:
        port, metrics_port = free_port(), free_port()
        environment = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "METRICS_ENABLED": "false",
            "METRICS_PORT": str(metrics_port),
            "RATE_LIMITER_ENABLED": "false",
            "SOCKUDO_DEFAULT_APP_ID": "1",
            "SOCKUDO_DEFAULT_APP_KEY": "key1",
            "SOCKUDO_DEFAULT_APP_SECRET": "secret1",
            "SOCKUDO_DEFAULT_APP_ENABLE_CLIENT_MESSAGES": "true",
            **{f"SOCKUDO_DEFAULT_APP_MAX_{limit}": "1000000" for limit in SOCKUDO_LIMITS},
        }
        process = subprocess.Popen(
            [binary],
            cwd=folder(),  # where it finds no configuration of somebody else's
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for("sockudo", port, process)
            yield Target("sockudo", port, (process.pid,))
        finally:
            process.terminate()
            process.wait(30)

    return Server("sockudo", started, fresh=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when the port is listened on. Raises RuntimeError if the process ends first, or does not in time."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{name} does not listen on {port}: exit code {process.poll()}")
