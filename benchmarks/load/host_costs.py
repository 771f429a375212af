"""What a host costs whose workers share a link to Redis: CPU time of the process that has the link (the relay), of a
worker, and of Redis.

Events come from a bus in this process, on a channel that each worker has one subscriber of; and are published at the
host over HTTP. A host whose workers have links of their own gives no figures.
"""

from __future__ import annotations

import selectors
import statistics
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import uvloop

from benchmarks.load import crossing, generator
from benchmarks.load.broker import Broker
from benchmarks.load.bus_costs import BATCHES, publish
from benchmarks.load.cluster import Cluster, serving
from benchmarks.load.far_side import CHANNEL
from benchmarks.load.generator import Target
from benchmarks.load.meter import Figures, Meter, running_bus
from benchmarks.load.workers import Row

WORKERS = 2
IN_FLIGHT = (1, 64)
PUBLISHING_S = 1.0


def once(broker: Broker) -> Figures:
    """Everything, on a fresh Redis."""
    with on_redis(broker) as host:
        if relay_of(host) is None:
            return {}
        meter = Meter(broker)
        uvloop.run(_receive(meter, host))
        for in_flight in IN_FLIGHT:
            used = publish_us(host, in_flight)
            meter.figures[f"host_publish_{in_flight}.relay_us"] = used[str(relay_of(host))]
        return meter.figures


@contextmanager
def on_redis(broker: Broker) -> Iterator[Cluster]:
    """A host with WORKERS."""
    redis = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"redis://127.0.0.1:{broker.port}"}
    with serving(WORKERS, redis) as host:
        yield host


def relay_of(host: Cluster) -> str | None:
    """The name of the process that is no worker."""
    return next((name for name in host.pids if not name.startswith("worker")), None)


async def _receive(meter: Meter, host: Cluster) -> None:
    with listening(host):
        async with running_bus("publishing", meter.broker) as bus:
            for batch in (1, 100):
                await publish(bus, batch, batch * 2)
                before = host.cpu_s()
                async with meter.of(f"host_{batch}", BATCHES[batch]):
                    await publish(bus, batch, BATCHES[batch])
                meter.figures |= received_us(f"host_{batch}", before, host.cpu_s(), BATCHES[batch])


def received_us(name: str, before: Mapping[str, float], after: Mapping[str, float], events: int) -> Figures:
    """By kind of process, for each event; of the workers the mean."""
    used = {process: (after[process] - before[process]) * 1e6 / events for process in after}
    workers = [us for process, us in used.items() if process.startswith("worker")]
    found = {f"{name}.worker_us": statistics.fmean(workers)}
    relays = [us for process, us in used.items() if not process.startswith("worker")]
    return found | ({f"{name}.relay_us": relays[0]} if relays else {})


def publish_us(host: Cluster, in_flight: int) -> dict[str, float]:
    """By process, for each publish over HTTP with one subscriber; so many in flight all the time."""
    row = Row("publish", in_flight, "cpu_us_per_event", "")
    target = Target("revurb", host.port, tuple(host.pids.values()))
    answer, shares = host.shares_of_the_end(
        lambda: generator.run(row.of(1), target, seconds=PUBLISHING_S), PUBLISHING_S
    )
    return {process: share * answer[row.figure] for process, share in shares.items()}


@contextmanager
def listening(host: Cluster) -> Iterator[None]:
    """A subscriber of CHANNEL on each worker, who takes what comes."""
    selector, done = selectors.DefaultSelector(), threading.Event()

    def read_all() -> None:
        room = bytearray(1 << 16)
        while not done.is_set():
            for key, _ in selector.select(0.1):
                key.fileobj.recv_into(room)  # type: ignore[union-attr]

    with ExitStack() as stack:
        for worker in (name for name in host.pids if name.startswith("worker")):
            client = crossing.connect(host, worker, stack)
            client.subscribe(CHANNEL)
            selector.register(client.sock, selectors.EVENT_READ)
        reader = threading.Thread(target=read_all)
        reader.start()
        try:
            yield
        finally:
            done.set()
            reader.join()
