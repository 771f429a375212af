"""`python -m benchmarks.load.across`: what Redis adds between two nodes.

Two processes with the bus of a node each, and a redis-server, on this machine: how long an event takes from `publish`
to the other node's subscribers beside a bare round trip to Redis, and the CPU time of publishing, receiving and Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import uvloop
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from benchmarks.load.redis_server import redis_server
from revurb.bus.brokered.bus import BrokeredBus
from revurb.bus.redis.link import RedisLink
from revurb.pusher.ports import Entered
from revurb.server.member_events import MEMBER_EVENTS

ALONE = 1000  # events one after the other
TURNS, PER_TURN = 200, 100  # events of one turn of the event loop share a pipeline


class Receiver:
    """Notes when events come; their text is when they were published."""

    def __init__(self) -> None:
        self.took_s: list[float] = []

    def deliver(self, app_id: str, channel: str, text: bytes, except_socket_id: str | None) -> None:
        self.took_s.append(time.monotonic() - float(text))

    def terminate(self, app_id: str, user_id: str) -> None: ...

    def answer(self, question: bytes) -> bytes:
        return b""


def client(path: str) -> Redis:
    return Redis(unix_socket_path=path, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=2)


def bus_of(name: str, path: str, receiver: Receiver) -> BrokeredBus:
    return BrokeredBus(
        name, receiver, MEMBER_EVENTS, lambda end: RedisLink(end, name, lambda: client(path), MEMBER_EVENTS)
    )


async def receive(path: str) -> None:
    receiver = Receiver()
    bus = bus_of("receiving", path, receiver)
    await bus.start()
    entered: asyncio.Future[Entered] = asyncio.get_running_loop().create_future()
    bus.enter("1", "news", None, b"", False, entered.set_result)
    await entered
    print("ready", flush=True)
    took_s = receiver.took_s
    while len(took_s) <= ALONE:
        await asyncio.sleep(0.001)
    alone = sorted(took_s[:ALONE])
    cpu_s, had = time.process_time(), len(took_s)
    while len(took_s) < ALONE + TURNS * PER_TURN:
        await asyncio.sleep(0.02)
    cpu_us = (time.process_time() - cpu_s) / (len(took_s) - had) * 1e6
    print(f"publish to delivery, one at a time   p50 {alone[ALONE // 2] * 1e6:6.0f} us   "
          f"p99 {alone[ALONE * 99 // 100] * 1e6:6.0f} us")  # fmt: skip
    print(f"receiving, CPU                           {cpu_us:6.1f} us per event")
    await bus.stop()


async def publish(path: str) -> None:
    bare = client(path)
    round_trips_s = []
    for _ in range(ALONE):
        started_at = time.monotonic()
        await bare.ping()
        round_trips_s.append(time.monotonic() - started_at)
    await bare.aclose()
    print(f"round trip to Redis                  p50 {statistics.median(round_trips_s) * 1e6:6.0f} us")
    bus = bus_of("publishing", path, Receiver())
    await bus.start()

    async def send() -> None:
        accepted = bus.publish("1", "news", b"%f" % time.monotonic())
        if accepted is not None:
            await accepted

    for _ in range(ALONE):
        await send()
        await asyncio.sleep(0.001)
    cpu_s = time.process_time()
    for _ in range(TURNS):
        await asyncio.gather(*(send() for _ in range(PER_TURN)))
    cpu_us = (time.process_time() - cpu_s) / (TURNS * PER_TURN) * 1e6
    print(f"publishing, {PER_TURN} of a turn, CPU           {cpu_us:6.1f} us per event", flush=True)
    await bus.stop()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure() -> None:
    with redis_server() as server:
        me = [sys.executable, "-m", "benchmarks.load.across", "--redis", server.path]
        receiving = subprocess.Popen([*me, "--receive"], stdout=subprocess.PIPE, text=True)
        assert receiving.stdout is not None
        receiving.stdout.readline()
        before_s = cpu_s(server.pid)
        subprocess.run([*me, "--publish"], check=True, timeout=120)
        used_us = (cpu_s(server.pid) - before_s) / (ALONE + TURNS * PER_TURN) * 1e6
        print(receiving.communicate(timeout=60)[0], end="")
        print(f"Redis, CPU                               {used_us:6.1f} us per event")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.across")
    parser.add_argument("--redis", help=argparse.SUPPRESS)
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--publish", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        uvloop.run(receive(options.redis))
    elif options.publish:
        uvloop.run(publish(options.redis))
    else:
        measure()


if __name__ == "__main__":
    main()
