"""Peers that the registries of their languages have, as `benchmarks/peers/build` leaves them; started here.

sockudo speaks Pusher. Centrifugo has a protocol of its own, so it takes part where nothing is asked but connections,
one channel, and publishes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.load.generator import Target
from benchmarks.load.servers import Server

START_S = 20.0
# So much that no limit is met. Its own defaults are 100 of everything.
SOCKUDO_LIMITS = (
    "CONNECTIONS",
    "BACKEND_EVENTS_PER_SECOND",
    "CLIENT_EVENTS_PER_SECOND",
    "READ_REQUESTS_PER_SECOND",
)
ON_CORE_0 = ("taskset", "-c", "0")


def folder() -> Path:
    """Where the peers are built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("BENCHMARK_PEERS") or cache / "revurb-peers")


def built_peers() -> list[Server]:
    """Those that have been built, each on core 0; and a line to say which have not."""
    found = {"sockudo": sockudo(ON_CORE_0), "Centrifugo": centrifugo(ON_CORE_0)}
    missing = [name for name, server in found.items() if server is None]
    if missing:
        print(
            f"{' and '.join(missing)} left out: benchmarks/peers/build builds in {folder()}", file=sys.stderr
        )
    return [server for server in found.values() if server is not None]


def sockudo(where: Sequence[str] = ()) -> Server | None:
    """None if it has not been built. `where` is a command in front of its own."""

    def environment(port: int) -> dict[str, str]:
        return {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "METRICS_ENABLED": "false",
            "METRICS_PORT": str(free_port()),
            "RATE_LIMITER_ENABLED": "false",
            "SOCKUDO_DEFAULT_APP_ID": "1",
            "SOCKUDO_DEFAULT_APP_KEY": "key1",
            "SOCKUDO_DEFAULT_APP_SECRET": "secret1",
            "SOCKUDO_DEFAULT_APP_ENABLE_CLIENT_MESSAGES": "true",
            **{f"SOCKUDO_DEFAULT_APP_MAX_{limit}": "1000000" for limit in SOCKUDO_LIMITS},
        }

    return _built(Target("sockudo", 0, ()), where, environment)


def centrifugo(where: Sequence[str] = ()) -> Server | None:
    """None if it has not been built. `where` is a command in front of its own."""

    def environment(port: int) -> dict[str, str]:
        return {
            "CENTRIFUGO_HTTP_SERVER_ADDRESS": "127.0.0.1",
            "CENTRIFUGO_HTTP_SERVER_PORT": str(port),
            "CENTRIFUGO_HTTP_API_KEY": "key1",
            "CENTRIFUGO_CLIENT_INSECURE": "true",
            "CENTRIFUGO_LOG_LEVEL": "none",
        }

    return _built(Target("centrifugo", 0, (), presence=False, protocol="centrifugo"), where, environment)


def _built(
    target: Target, where: Sequence[str], environment: Callable[[int], dict[str, str]]
) -> Server | None:
    """The server whose program has the target's name. `environment` is what it needs to listen on a port."""
    binary = folder() / "bin" / target.name
    if not binary.exists():
        return None

    @contextmanager
    def started() -> Iterator[Target]:
        port = free_port()
        with _running(target.name, [*where, str(binary)], environment(port), port) as pid:
            yield replace(target, port=port, pids=(pid,))

    return Server(target.name, started, fresh=True)


@contextmanager
def _running(name: str, command: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[int]:
    """The process id of a server, once it listens on `port`; until the block is left."""
    process = subprocess.Popen(
        command,
        cwd=folder(),  # where it finds no configuration of somebody else's
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(name, port, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


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
