"""A node under everything at once, for as long as it is told: nothing lost, nothing doubled, no memory kept.

`make soak` runs it for five minutes; in the suite it runs for SOAK_S seconds, 5 unless set. Publishers number their
events; steady subscribers check every number; meanwhile other clients come, join presence channels, whisper, send
nonsense, and go, politely or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb import App
from tests.client import Client, Ended, api, connect
from tests.conftest import Run

APP = App(id="1", key="key1", secret="secret1")
SOAK_S = float(os.environ.get("SOAK_S", "5"))
SUBSCRIBERS = 20
PUBLISHERS = 3
VISITORS = 10
MAX_GROWTH_KIB = 4096  # what an allocator may keep of the busiest moment; a leak of 1 % of the events is more


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A node in a process of its own: its port and its pid."""
    process = subprocess.Popen(
        [sys.executable, "-m", "revurb", "serve", "--dev", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = next(filter(None, (re.search(r"listening on \S+?:(\d+)", line) for line in process.stdout)))
    yield int(found[1]), process.pid
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def rss_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


async def subscriber(port: int, last: dict[int, int], ready: asyncio.Event) -> int:
    """Checks that each publisher's numbers come without a gap, until every publisher's last one has come."""
    seen = dict.fromkeys(range(PUBLISHERS), 0)
    count = 0
    async with connect(port, "key1") as client:
        await client.subscribe("numbers")
        ready.set()
        while any(seen[publisher] != last.get(publisher) for publisher in seen):
            message = await client.next_event()
            if message["event"] == "pusher:ping":
                await client.send({"event": "pusher:pong", "data": {}})
                continue
            publisher, number = map(int, message["data"].split(":"))
            assert number == seen[publisher] + 1
            seen[publisher] = number
            count += 1
    return count


async def publisher(port: int, name: int, end: float, last: dict[int, int]) -> None:
    number = 0
    while True:
        number += 1
        over = time.monotonic() >= end
        if over:
            last[name] = number
        event = {"name": "n", "channel": "numbers", "data": f"{name}:{number}"}
        assert (await api(port, APP, "POST", "/events", event)).status == 200
        if over:
            return


async def visitor(port: int, seed: int, end: float) -> None:
    """Comes, does this and that, goes; again and again."""
    chance = random.Random(seed)
    while time.monotonic() < end:
        with contextlib.suppress(Ended, ConnectionError):
            async with connect(port, "key1") as client:
                await _visit(client, chance)


async def _visit(client: Client, chance: random.Random) -> None:
    user = {"user_id": str(chance.randrange(5)), "user_info": {"x": "y" * chance.randrange(500)}}
    for channel in chance.sample(["presence-a", "presence-b", "private-cache-c"], 2):
        auth = f"{client.socket_id}:{channel}"
        data: dict[str, object] = {"channel": channel}
        if channel.startswith("presence"):
            data["channel_data"] = json.dumps(user)
            auth += f":{data['channel_data']}"
        data["auth"] = f"{APP.key}:{APP.sign(auth)}"
        await client.send({"event": "pusher:subscribe", "data": data})
        await client.send({"event": "client-hello", "channel": channel, "data": {"n": chance.random()}})
    await client.send("nonsense" * chance.randrange(50))
    await client.flushed()
    match chance.randrange(3):
        case 0:
            await client.close()
        case 1:
            await client.send_bytes(b"\xff\xff broken frame")
            await client.closed()
        case _:
            pass  # the connection just drops


@pytest.mark.timeout(SOAK_S + 120)
def test_soak(server: tuple[int, int], run: Run) -> None:
    port, pid = server

    async def round_of(seconds: float) -> int:
        last: dict[int, int] = {}
        readies = [asyncio.Event() for _ in range(SUBSCRIBERS)]
        watching = [asyncio.ensure_future(subscriber(port, last, ready)) for ready in readies]
        for ready in readies:
            await ready.wait()
        end = time.monotonic() + seconds
        await asyncio.gather(
            *(publisher(port, name, end, last) for name in range(PUBLISHERS)),
            *(visitor(port, seed, end) for seed in range(VISITORS)),
        )
        return sum(await asyncio.gather(*watching))

    async def main() -> None:
        await round_of(SOAK_S / 2)
        before = rss_kib(pid)
        started = time.monotonic()
        deliveries = await round_of(SOAK_S / 2)
        growth = rss_kib(pid) - before
        print(f"{deliveries} deliveries in {time.monotonic() - started:.0f} s, RSS grew by {growth} KiB")
        assert growth < MAX_GROWTH_KIB
        answer = await api(port, APP, "GET", "/connections")
        assert answer.json() == {"connections": 0}
        assert (await api(port, APP, "GET", "/channels")).json() == {"channels": {}}

    run(main())
