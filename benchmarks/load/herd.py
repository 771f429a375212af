"""`python -m benchmarks.load.herd`: clients that all come back at once to channels with history.

    python -m benchmarks.load.herd                                      # 10,000 clients, 20 events missed by each
    python -m benchmarks.load.herd --clients 2000 --missed 0            # the same without anything to repeat
    python -m benchmarks.load.herd --workers 2

Printed: until when all have what they missed, the server's CPU time for each, what a kept event takes, and the slowest
answer to a ping that somebody else sends meanwhile, a thousand times a second: how long the loop was blocked at most.
That one runs ahead of the generator, so that it measures the server and not that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvloop

from benchmarks.load.herd_members import HERD_APP, Member, ask

CHANNELS = 20
OPENING = 500  # connections that are opened at a time
MEASURED = 900  # events of each channel, whose memory is looked at
PATIENCE_S = 120.0

TOML = f"""
[[apps]]
id = "{HERD_APP.id}"
key = "{HERD_APP.key}"
secret = "{HERD_APP.secret}"
max_resume_size = 1000000
[[apps.history]]
channels = ["room-*"]
size = 1000
ttl = 600
"""


@contextmanager
def server(*arguments: str) -> Iterator[tuple[int, int]]:
    """A server on core 0: its port, and its pid."""
    with tempfile.TemporaryDirectory(prefix="revurb-") as folder:
        (Path(folder) / "revurb.toml").write_text(TOML)
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, "-m", "revurb", "serve", "--port", "0", *arguments],
            cwd=folder,
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            lines = (re.search(r"Revurb is listening on \S+?:(\d+)", line) for line in process.stdout)
            found = next(filter(None, lines), None)
            if found is None:
                sys.exit("the server did not start")
            yield int(found[1]), process.pid
        finally:
            process.terminate()
            process.communicate(timeout=30)


def processes(pid: int) -> list[int]:
    """The server's own, and its workers'."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def texts(pid: int, name: str) -> Iterator[str]:
    """A file of each in /proc, but of those that have ended meanwhile, as what a worker was forked from does."""
    for each in processes(pid):
        with suppress(ProcessLookupError, FileNotFoundError):
            yield Path(f"/proc/{each}/{name}").read_text()


def cpu_us(pid: int) -> float:
    fields = (text.rpartition(")")[2].split() for text in texts(pid, "stat"))
    return sum(int(each[11]) + int(each[12]) for each in fields) * 1e6 / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """What is theirs alone, and their part of what they share."""
    found = (re.search(r"^Pss: +(\d+)", text, re.M) for text in texts(pid, "smaps_rollup"))
    return sum(int(each[1]) * 1024 for each in found if each is not None)


async def come(port: int, members: list[Member], missed: int) -> float:
    """Connect and subscribe all; the seconds until each has its confirmation and so many events."""
    room, begun_at = asyncio.Semaphore(OPENING), time.perf_counter()

    async def one(member: Member) -> None:
        async with room:
            await member.connect(port)
        await member.has(missed)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*map(one, members))
    return time.perf_counter() - begun_at


def publish(port: int, count: int) -> None:
    """So many events on each channel."""
    for number in range(count):
        channels = [f"room-{n}" for n in range(CHANNELS)]
        ask(port, "POST", "events", {"name": "missed", "data": f"{number:0100}", "channels": channels})


async def measure(port: int, pid: int, clients: int, missed: int) -> None:
    before_bytes = memory_bytes(pid)
    publish(port, MEASURED)
    kept_bytes = (memory_bytes(pid) - before_bytes) / MEASURED / CHANNELS
    print(f"a kept event of 100 bytes takes {kept_bytes:,.0f} bytes")
    members = [Member(f"room-{number % CHANNELS}") for number in range(clients)]
    await come(port, members, 0)
    for member in members:
        member.drop()
    while ask(port, "GET", "connections")["connections"]:
        await asyncio.sleep(0.05)
    publish(port, missed)
    prober = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load.herd_probe", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert prober.stdout is not None
    prober.stdout.readline()  # it pings
    before_us = cpu_us(pid)
    took_s = await come(port, members, missed)
    used_us = cpu_us(pid) - before_us
    out, _ = prober.communicate(b"\n")
    waits = json.loads(out)
    print(
        f"{clients:,} clients with {missed} missed events each: all served after {took_s:.2f} s, "
        f"{used_us / clients:.0f} us of server CPU each; a ping took {waits['p50_ms']:.1f} ms in the middle, "
        f"{waits['p99_ms']:.1f} at the 99th percentile, {waits['max_ms']:.1f} at most"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load.herd", description="A herd that comes back."
    )
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--missed", type=int, default=20, help="events that each has missed (20)")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with server("--workers", str(options.workers)) as (port, pid):
        uvloop.run(measure(port, pid, options.clients, options.missed))


if __name__ == "__main__":
    main()
