"""`python -m benchmarks.fairness`: what one peer costs the others, on a fresh `revurb serve --dev` for each row.

    python -m benchmarks.fairness               # everything
    python -m benchmarks.fairness --short       # what `make bench` runs: a minute
    python -m benchmarks.fairness --write       # and recorded

The server runs on core 0, everything else on core 1. Times are those of the machine, which other work on it makes
longer: what matters is how they compare with the row that is alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import trustme
from rich.console import Console
from rich.table import Table

from benchmarks.fairness import measures
from benchmarks.fairness.floods import FLOODS, TLS_HANDSHAKES
from benchmarks.load.recording import RESULTS
from benchmarks.load.servers import revurb


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: what waits, beside what, and milliseconds."""

    what: str
    beside: str
    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def measured(what: str, beside: str, measure: Callable[[int], measures.Latencies], *arguments: str) -> Row:
    """Measure on a server of its own, started with these arguments."""
    with revurb(*arguments).open() as target:
        found = sorted(measure(target.port))
    p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    return Row(what, beside, len(found), round(p50, 1), round(p99, 1), round(found[-1], 1))


def rows(short: bool, seconds: float, stack: contextlib.ExitStack) -> list[Row]:
    kinds = ["GET /up", "pusher:ping"] if short else list(FLOODS)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found = []
    for kind in kinds:
        arguments, at = tls(folder) if kind == TLS_HANDSHAKES else ((), None)
        for sockets in (10,) if short else (1, 10):
            for listeners in (1, 1000):
                found.append(
                    measured(
                        f"publish, delivered to {listeners:,}",
                        f"{sockets} flooding with {kind}",
                        partial(
                            measures.flooded,
                            kind=kind,
                            sockets=sockets,
                            listener_count=listeners,
                            seconds=seconds,
                            at=at,
                        ),
                        *arguments,
                    )
                )
    large = 5000 if short else 10_000
    found += [
        measured(
            "ping",
            f"a fan-out to {large:,}, 10 a second",
            lambda port: measures.ping_beside_fanout(port, large, 10, seconds),
        ),
        measured(
            "event to 10, 50 a second", "nothing", lambda port: measures.small_channel(port, 0, seconds)
        ),
        measured(
            "event to 10, 50 a second",
            "a fan-out to 5,000, 10 a second",
            lambda port: measures.small_channel(port, 5000, seconds),
        ),
    ]
    channels = 20_000 if short else 100_000
    leavers = 200 if short else 1000
    found += [
        measured(
            "ping", f"GET /channels of {channels:,}", lambda port: measures.many_channels(port, channels)
        ),
        measured(
            "ping",
            f"{leavers:,} connections with 101 channels that end",
            lambda port: measures.leaving(port, leavers, 101),
        ),
    ]
    return found


def tls(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of a server with a certificate, and the path of its Unix socket, which has no TLS."""
    cert, key, path = (str(folder / name) for name in ("cert.pem", "key.pem", "socket"))
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(key)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(cert, append=True)
    return ("--tls-cert", cert, "--tls-key", key, "--unix-socket", path), path


def print_table(found: list[Row]) -> None:
    table = Table(title="How long others wait (ms)")
    for name in ("what", "beside", "n", "p50", "p99", "longest"):
        table.add_column(name, justify="left" if name in ("what", "beside") else "right", no_wrap=True)
    for row in found:
        table.add_row(row.what, row.beside, str(row.count), *map(str, (row.p50_ms, row.p99_ms, row.max_ms)))
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fairness", description="What one peer costs the others."
    )
    parser.add_argument("--short", action="store_true", help="fewer rows, and smaller ones")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time of a row (3)")
    parser.add_argument("--write", action="store_true", help="record the run under benchmarks/results")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {1} if 1 in os.sched_getaffinity(0) else os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        found = rows(options.short, options.seconds, stack)
    print_table(found)
    if options.write:
        path = RESULTS / "fairness.json"
        path.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
