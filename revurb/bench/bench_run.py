"""The scenarios of `revurb bench`, one after the other on one event loop.

    connect        clients connect and subscribe, 32 at a time
    delivery       events to all clients on one channel, some in flight: deliveries
    publish        requests to the HTTP API, 16 at a time, to a channel with one subscriber
    client-events  one client sends to all the others
    latency        events at a fixed rate: from when each was due to when it arrived, generator included

All but the last send as fast as what they sent arrives (closed loop), so that nothing piles up in the server. Nothing
is random. What the server refuses makes a row void, with the reason.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from revurb.bench.bench_client import CLIENT_EVENT, SENT_AT, BenchClient, masked_text
from revurb.bench.bench_publisher import BenchPublisher, publish_request
from revurb.bench.bench_row import MIN_SENT, BenchRow, bench_row
from revurb.bench.bench_target import BenchError, BenchTarget
from revurb.bench.generator_watch import GeneratorWatch, Watched, server_memory_bytes

SCENARIOS: Mapping[str, str] = {
    "connect": "connect and subscribe",
    "delivery": "delivery to {subscribers} subscribers",
    "publish": "publish to one subscriber",
    "client-events": "delivery of client events to {others} others",
    "latency": "delivery at {rate:g} events/s to {some} subscribers",
}
CHANNEL, QUIET_CHANNEL = "private-revurb-bench", "private-revurb-bench-quiet"
OPENING, PUBLISHERS = 32, 16
MOST_LATENCY_SUBSCRIBERS = 100
STEP_S, WARM_UP_S, SETTLE_S = 0.1, 0.5, 1.0


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """What is measured. Each scenario takes `seconds`; `connections` is how many clients there are at most at a time,
    `rate` events a second, `size_bytes` the data of an event, `window` how many events are in flight."""

    scenarios: Sequence[str]
    seconds: float = 3.0
    connections: int = 200
    rate: float = 100.0
    size_bytes: int = 100
    window: int = 8


class BenchRun:
    """One measurement. `on_progress` is called with a scenario and the share of it that is over."""

    def __init__(
        self,
        target: BenchTarget,
        plan: BenchPlan,
        on_progress: Callable[[str, float], None] = lambda name, share: None,
    ) -> None:
        self._target = target
        self._plan = plan
        self._on_progress = on_progress
        self._received = 0
        self._on_received: Callable[[], None] = lambda: None
        self._refusal: str | None = None

    async def rows(self) -> AsyncIterator[BenchRow]:
        """The row of each scenario, when it is over. Raises BenchError if the server cannot be measured at all."""
        await self._try_out()
        measures: Mapping[str, Callable[[str, str], Awaitable[BenchRow]]] = {
            "connect": self._connect,
            "delivery": self._delivery,
            "publish": self._publish,
            "client-events": self._client_events,
            "latency": self._latency,
        }
        for name in self._plan.scenarios:
            title = self._title(name)
            self._refusal = None
            watch = GeneratorWatch(self._target.pids)
            self._on_progress(name, 0.0)
            try:
                row = await measures[name](name, title)
            except BenchError as error:
                row = bench_row(name, title, "", 0, (), watch.end(), void=str(error))
            else:
                watch.end()
            self._on_progress(name, 1.0)
            yield row

    def _title(self, name: str) -> str:
        plan = self._plan
        return SCENARIOS[name].format(
            subscribers=plan.connections, others=plan.connections - 1, rate=plan.rate, some=self._some
        )

    @property
    def _some(self) -> int:
        return min(self._plan.connections, MOST_LATENCY_SUBSCRIBERS)

    async def _try_out(self) -> None:
        """Whether there is a server that knows the app and its secret."""
        async with self._clients(1, QUIET_CHANNEL), self._publishers(1) as (publisher,):
            publisher.send(publish_request(self._target, QUIET_CHANNEL, "x"))
            await publisher.drain()

    # Scenarios.

    async def _connect(self, name: str, title: str) -> BenchRow:
        latencies_s: list[float] = []
        before_bytes, bytes_each = server_memory_bytes(self._target.pids), None
        watch, began_at = GeneratorWatch(self._target.pids), time.perf_counter()
        while (elapsed_s := time.perf_counter() - began_at) < self._plan.seconds:
            self._on_progress(name, elapsed_s / self._plan.seconds)
            async with self._clients(self._plan.connections, CHANNEL, latencies_s):
                now_bytes = server_memory_bytes(self._target.pids)
                if bytes_each is None and before_bytes is not None and now_bytes is not None:
                    bytes_each = (now_bytes - before_bytes) / self._plan.connections
        note = f"{max(0.0, bytes_each) / 1024:.1f} KiB of memory for each" if bytes_each is not None else None
        return bench_row(
            name,
            title,
            "connections/s",
            len(latencies_s),
            latencies_s,
            watch.end(),
            void=self._refusal,
            note=note,
        )

    async def _delivery(self, name: str, title: str) -> BenchRow:
        count, request = self._plan.connections, publish_request(self._target, CHANNEL, self._data())
        async with self._clients(count, CHANNEL), self._publishers(self._plan.window) as publishers:
            sent = 0

            def send() -> None:
                nonlocal sent
                publishers[sent % len(publishers)].send(request)
                sent += 1

            deliveries, watched = await self._pump(name, count, send)
            for publisher in publishers:
                await publisher.drain()
        return bench_row(name, title, "deliveries/s", deliveries, (), watched, void=self._refusal)

    async def _publish(self, name: str, title: str) -> BenchRow:
        request, latencies_s, is_over = (
            publish_request(self._target, QUIET_CHANNEL, self._data()),
            list[float](),
            False,
        )

        async with self._clients(1, QUIET_CHANNEL), self._publishers(PUBLISHERS) as publishers:

            def answered(publisher: BenchPublisher) -> Callable[[float], None]:
                def on_answer(took_s: float) -> None:
                    latencies_s.append(took_s)
                    if not is_over and publisher.failure is None:
                        publisher.send(request)

                return on_answer

            for publisher in publishers:
                publisher.on_answer = answered(publisher)
                publisher.send(request)
            await asyncio.sleep(self._warm_up_s)
            latencies_s.clear()
            watched = await self._watch(name)
            measured = latencies_s[:]
            is_over = True
            for publisher in publishers:
                await publisher.drain()
        return bench_row(name, title, "publishes/s", len(measured), measured, watched, void=self._refusal)

    async def _client_events(self, name: str, title: str) -> BenchRow:
        others = self._plan.connections - 1
        if others < 1:
            raise BenchError("client events need two connections: --connections 2")
        text = json.dumps({"event": CLIENT_EVENT, "channel": CHANNEL, "data": self._data()})
        frame = masked_text(text.encode())
        async with self._clients(self._plan.connections, CHANNEL) as clients:
            deliveries, watched = await self._pump(name, others, lambda: clients[0].send_frame(frame))
        return bench_row(name, title, "deliveries/s", deliveries, (), watched, void=self._refusal)

    async def _latency(self, name: str, title: str) -> BenchRow:
        loop, latencies_s = asyncio.get_running_loop(), list[float]()
        async with self._clients(self._some, CHANNEL) as clients, self._publishers(PUBLISHERS) as publishers:
            for client in clients:
                client.latencies_s = latencies_s
            due = int(self._plan.rate * self._plan.seconds)
            watch = GeneratorWatch(self._target.pids)
            began_at, self._received, sent_in_time = time.perf_counter(), 0, 0
            clock_ahead_s, each_step = loop.time() - began_at, max(1, int(self._plan.rate * STEP_S))
            for number in range(due):
                if self._refusal is not None:
                    raise BenchError(self._refusal)
                if number % each_step == 0:
                    self._on_progress(name, number / due)
                due_at = began_at + number / self._plan.rate
                if due_at > time.perf_counter():
                    await _until(loop, due_at + clock_ahead_s)
                publishers[number % PUBLISHERS].send(
                    publish_request(self._target, CHANNEL, self._data(due_at))
                )
                sent_in_time += time.perf_counter() - began_at <= self._plan.seconds
            # The last one has its share of the time too: else there are more in a second than were sent.
            await _until(loop, began_at + self._plan.seconds + clock_ahead_s)
            watched = watch.end()
            for publisher in publishers:
                await publisher.drain()
            if sent_in_time < MIN_SENT * due:
                self._on_refused(
                    f"the generator was the limit: it sent {sent_in_time} of {due} events in time"
                )
            await self._settle(due * self._some)
        void = self._refusal
        return bench_row(
            name, title, "deliveries/s", self._received, latencies_s, watched, void=void, is_paced=True
        )

    # What they are made of.

    async def _pump(self, name: str, deliveries_each: int, send: Callable[[], None]) -> tuple[int, Watched]:
        """Keep the window full for the time of a scenario; how many deliveries came in it."""
        sent, self._received, is_over = 0, 0, False

        def fill() -> None:
            nonlocal sent
            while (
                not is_over
                and sent * deliveries_each - self._received <= (self._plan.window - 1) * deliveries_each
            ):
                send()
                sent += 1

        self._on_received = fill
        try:
            fill()
            await asyncio.sleep(self._warm_up_s)
            before = self._received
            watched = await self._watch(name)
            deliveries, is_over = self._received - before, True
            if self._refusal is None:
                await self._settle(sent * deliveries_each)
            return deliveries, watched
        finally:
            is_over = True
            self._on_received = lambda: None

    async def _settle(self, due: int) -> None:
        """Wait for deliveries that are due. Void if none comes any more: they are lost, or the server stands still."""
        last, quiet_since = self._received, time.perf_counter()
        while self._received < due and self._refusal is None:
            if self._received > last:
                last, quiet_since = self._received, time.perf_counter()
            elif time.perf_counter() - quiet_since > SETTLE_S:
                self._on_refused(f"{due - self._received} deliveries had not come {SETTLE_S:g} s later")
                return
            await asyncio.sleep(STEP_S / 10)

    @property
    def _warm_up_s(self) -> float:
        return min(WARM_UP_S, self._plan.seconds / 4)

    async def _watch(self, name: str) -> Watched:
        """Let a scenario run for its time; ends early when the server refuses something."""
        watch, began_at = GeneratorWatch(self._target.pids), time.perf_counter()
        while (elapsed_s := time.perf_counter() - began_at) < self._plan.seconds and self._refusal is None:
            self._on_progress(name, elapsed_s / self._plan.seconds)
            await asyncio.sleep(min(STEP_S, self._plan.seconds - elapsed_s))
        return watch.end()

    def _data(self, sent_at: float | None = None) -> str:
        time_text = "" if sent_at is None else f"{SENT_AT.decode()}{sent_at:.6f};"
        return time_text + "x" * max(0, self._plan.size_bytes - len(time_text))

    def _on_events(self, count: int) -> None:
        self._received += count
        self._on_received()

    def _on_refused(self, reason: str) -> None:
        self._refusal = self._refusal or reason

    @asynccontextmanager
    async def _clients(
        self, count: int, channel: str, latencies_s: list[float] | None = None
    ) -> AsyncIterator[list[BenchClient]]:
        """So many clients on a channel; how long each took is added to `latencies_s`. Raises BenchError."""
        clients = [BenchClient(self._on_events, self._on_refused) for _ in range(count)]
        left = iter(clients)
        opened: list[BenchClient] = []

        async def open_next() -> None:
            for client in left:
                began_at = time.perf_counter()
                opened.append(client)
                await client.open(self._target)
                await client.subscribe(self._target, channel)
                if latencies_s is not None:
                    latencies_s.append(time.perf_counter() - began_at)

        try:
            await _all(open_next() for _ in range(min(count, OPENING)))
            yield clients
        finally:
            for client in opened:
                client.abort()

    @asynccontextmanager
    async def _publishers(self, count: int) -> AsyncIterator[list[BenchPublisher]]:
        publishers = [BenchPublisher(self._on_refused) for _ in range(count)]
        try:
            for publisher in publishers:
                await publisher.open(self._target)
            yield publishers
        finally:
            for publisher in publishers:
                publisher.close()


async def _all(tasks: Iterable[Coroutine[None, None, None]]) -> None:
    """Wait for all; the first that fails ends the others."""
    pending = [asyncio.ensure_future(task) for task in tasks]
    try:
        await asyncio.gather(*pending)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


async def _until(loop: asyncio.AbstractEventLoop, at_s: float) -> None:
    woken = loop.create_future()
    timer = loop.call_at(at_s, woken.set_result, None)
    try:
        await woken
    finally:
        timer.cancel()
