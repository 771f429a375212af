"""Three restarts of all workers, while clients publish, connect and listen all the time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from pathlib import Path

from tests.client import Client, Ended, connect, http, signed
from tests.processes.serving import Serving, all_ready, hub_pid, serving, workers
from tests.processes.test_single_node import APP

WORKERS, RESTARTS, LISTENERS = 2, 3, 12
MOVED_WITHIN_S = 1.0


class Traffic:
    """What goes on, until `done`; a failed request or handshake ends its task with an exception."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.done = asyncio.Event()
        self.published = 0
        self.connected = 0
        self.moves_s: list[float] = []

    async def publish(self) -> None:
        """One event after the other, numbered, on a connection for as long as the server keeps it."""
        while not self.done.is_set():
            async with http(self.port) as kept:
                while not self.done.is_set():
                    event = {"name": "e", "channel": "news", "data": str(self.published)}
                    body = json.dumps(event).encode()
                    response = await kept.request("POST", signed(APP, "POST", "/apps/1/events", body), body)
                    assert response.status == 200, response.text
                    self.published += 1
                    if response.headers.get("connection") == "close":
                        break

    async def come_and_go(self) -> None:
        """New connections, one after the other; one may be told at once to go to another worker."""
        while not self.done.is_set():
            async with connect(self.port, "key1"):
                self.connected += 1

    async def listen(self) -> None:
        """A client that comes back when it is told to, and misses nothing in between.

        It may be told again before its subscription is answered, by a worker that took it when it already drained.
        """
        told_at = None
        while not self.done.is_set():
            async with connect(self.port, "key1") as client:
                await client.send({"event": "pusher:subscribe", "data": {"channel": "news"}})
                subscribed = await self._hear(client, told_at)
                told_at = time.monotonic() if subscribed or told_at is None else told_at

    async def _hear(self, client: Client, told_at: float | None) -> bool:
        """Until the client is told to go; whether it was subscribed by then."""
        last, subscribed = None, False
        with contextlib.suppress(Ended):
            while not self.done.is_set():
                frame = await client.receive(patience_s=30)
                if frame.opcode == 8:
                    assert frame.close_code == 4200
                elif frame.message["event"] == "pusher_internal:subscription_succeeded":
                    subscribed = True
                    if told_at is not None:
                        self.moves_s.append(time.monotonic() - told_at)
                else:
                    assert subscribed, frame
                    number = int(frame.message["data"])
                    assert last is None or number == last + 1, f"{number} came after {last}"
                    last = number
        return subscribed


async def restart_thrice(server: Serving, traffic: Traffic) -> None:
    for number in range(RESTARTS):
        before = {row.pid for row in server.workers()}
        published, moves = traffic.published, len(traffic.moves_s)
        server.signal(signal.SIGHUP)

        def moved(before: set[int | None] = before, enough: int = moves + LISTENERS) -> bool:
            status = server.status()
            news = not before & {row.pid for row in workers(status)}
            return all_ready(status) and news and len(traffic.moves_s) >= enough

        async with asyncio.timeout(30):
            while not await asyncio.to_thread(moved):
                pass
        assert traffic.published > published, f"nothing was published during restart {number}"


async def test_nobody_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", str(WORKERS), "--drain-timeout", "2") as server:
        traffic, hub = Traffic(server.port), hub_pid(server.status())
        jobs = [traffic.publish(), traffic.come_and_go(), *(traffic.listen() for _ in range(LISTENERS))]
        tasks = [asyncio.ensure_future(job) for job in jobs]
        restarts = asyncio.ensure_future(restart_thrice(server, traffic))
        await asyncio.wait((restarts, *tasks), return_when=asyncio.FIRST_COMPLETED)
        assert hub_pid(server.status()) == hub
        for task in (restarts, *tasks):
            if task.done():
                task.result()  # raises what went wrong; only the restarts end by themselves
        traffic.done.set()
        server.signal(signal.SIGTERM)  # which ends the listening, too
        for task in tasks:
            with contextlib.suppress(ConnectionError):  # a new one, now that the address is closed
                await task
        assert await asyncio.to_thread(server.ended) == 0
    assert traffic.connected > 0
    assert len(traffic.moves_s) >= RESTARTS * LISTENERS
    assert max(traffic.moves_s) < MOVED_WITHIN_S
    assert "Traceback" not in server.output
