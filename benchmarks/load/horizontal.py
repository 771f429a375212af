"""`python -m benchmarks.load.horizontal`: three nodes on one Redis, publishes at a fixed rate to each in turn.

900 subscribers, 100 channels with 9 each, 3 of those on each node: a publish is 9 deliveries, 6 of them on nodes that
it was not sent to. What is due is sent when it is due, whatever has become of what was sent before, and latency counts
from when it was due. Everything shares this machine: the nodes, Redis, and the generator, which is kept on core 1.

Publishes, their answers and all arrivals are counted by horizontal.c; what follows from them is found here and in
arrivals.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import arrivals
from benchmarks.load.arrivals import Arrival, Layout, Publish, quantile
from benchmarks.load.cluster import Cluster, cpu_s, serving
from benchmarks.load.generator import HERE, Target, build, event_request
from benchmarks.load.horizontal_table import Run, document, table
from benchmarks.load.recording import RESULTS, busy_s, circumstances, idle_share
from benchmarks.load.redis_server import RedisServer, redis_server

NODES = 3
LAYOUT = Layout(channels=100, each=9)
SUBSCRIBERS = LAYOUT.channels * LAYOUT.each
RATES = (1000, 2000, 3000, 4000, 5000, 6000)
EVENT_BYTES = 100
WARMUP_S = 1.0
OVERTIME_S = 60.0  # what is sent late, if the cluster cannot keep up


@dataclass(frozen=True, slots=True)
class Scaled:
    """Nodes that share a Redis."""

    nodes: list[Cluster]
    redis: RedisServer

    def look(self, generator: int) -> Look:
        """What everything has used so far; `generator` is its pid."""
        pids = {f"node {number}": node.pids["node"] for number, node in enumerate(self.nodes, 1)}
        used_s = cpu_s({**pids, "redis": self.redis.pid, "generator": generator})
        stats = self.redis.info("stats")
        calls = {
            name.removeprefix("cmdstat_"): float(figures["calls"])
            for name, figures in self.redis.info("commandstats").items()
            if isinstance(figures, dict)
        }
        return Look(time.monotonic(), used_s, busy_s(), calls, float(str(stats["total_net_output_bytes"])))


@dataclass(frozen=True, slots=True)
class Look:
    """Sums so far: CPU time by process, and of each CPU of the machine, calls by command of Redis, bytes that Redis has
    sent."""

    at_s: float
    cpu_s: dict[str, float]
    busy_s: list[float]
    calls: dict[str, float]
    redis_sent_bytes: float


@contextmanager
def scaled() -> Iterator[Scaled]:
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{redis.path}"}
        yield Scaled([stack.enter_context(serving(1, environment)) for _ in range(NODES)], redis)


def run(cluster: Scaled, rate: int, seconds: float) -> Run:
    """One run at `rate` publishes a second. Raises RuntimeError with the generator's words if it cannot be run."""
    with tempfile.TemporaryDirectory(prefix="revurb-") as folder:
        requests, output = Path(folder, "requests"), Path(folder, "output")
        count = int(rate * (WARMUP_S + seconds))
        requests.write_bytes(b"".join(_requests(cluster, count)))
        command = ["taskset", "-c", "1", str(build(HERE / "horizontal.c"))]
        command += ["--requests", str(requests), "--output", str(output), "--rate", str(rate)]
        command += ["--conns", str(SUBSCRIBERS), "--channels", str(LAYOUT.channels)]
        for node in cluster.nodes:
            command += ["--port", str(node.port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            started = process.stdout.readline()
            if not started:
                raise RuntimeError(process.communicate()[1].strip() or "the generator ended")
            looks = []
            for until_s in (float(started) + WARMUP_S, float(started) + WARMUP_S + seconds):
                time.sleep(max(0.0, until_s - time.monotonic()))
                looks.append(cluster.look(process.pid))
            _, complaints = process.communicate(timeout=seconds + OVERTIME_S)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise RuntimeError(complaints.strip() or f"the generator ended with {process.returncode}")
        publishes, came = arrivals.read(output.read_bytes(), count)
        found = summary(rate, publishes, came, (looks[0], looks[1]))
        if complaints:
            print(complaints.strip(), file=sys.stderr)
        return found


def _requests(cluster: Scaled, count: int) -> Iterator[bytes]:
    """Signed requests as horizontal.c reads them, each for the node that it is sent to; data begin with its number."""
    targets = [Target("revurb", node.port, ()) for node in cluster.nodes]
    for number in range(count):
        data = f"{number:08d}".ljust(EVENT_BYTES, "x")
        request = event_request(targets[number % NODES], f"bench-{number % LAYOUT.channels}", data)
        yield b"%d\n%b" % (len(request), request)


def summary(
    rate: int,
    publishes: Sequence[Publish],
    came: Sequence[Arrival],
    looks: tuple[Look, Look],
) -> Run:
    """Latency and pace are those of what was due after WARMUP_S, costs what was used between the two looks for what was
    answered between them; faults count from the beginning to the end."""
    first, last = looks
    wall_s = last.at_s - first.at_s
    starts_s, ends_s = publishes[0].due_s + WARMUP_S, publishes[-1].due_s + 1 / rate
    counted = {number for number, each in enumerate(publishes) if each.due_s >= starts_s}
    in_time = sum(0 < publishes[number].sent_s <= ends_s for number in counted)
    late_s = sorted(each.sent_s - each.due_s for each in publishes if each.sent_s and each.due_s >= starts_s)
    took_s = sorted(each.at_s - publishes[each.publish].due_s for each in came if each.publish in counted)
    done = sum(first.at_s <= each.answered_s < last.at_s for each in publishes)
    cores = {name: (used_s - first.cpu_s[name]) / wall_s for name, used_s in last.cpu_s.items()}
    cpus = [max(0.0, now - before) / wall_s for before, now in zip(first.busy_s, last.busy_s, strict=True)]
    per_publish = wall_s / max(1, done)
    return Run(
        rate=rate,
        kept_pace=in_time / len(counted),
        late_p99_ms=quantile(late_s, 0.99) * 1e3,
        p50_ms=quantile(took_s, 0.5) * 1e3,
        p95_ms=quantile(took_s, 0.95) * 1e3,
        p99_ms=quantile(took_s, 0.99) * 1e3,
        max_ms=quantile(took_s, 1) * 1e3,
        deliveries_per_s=sum(first.at_s <= each.at_s < last.at_s for each in came) / wall_s,
        bad_answers=sum(not each.answered_s for each in publishes),
        **asdict(arrivals.faults(publishes, came, LAYOUT)),
        cores={name: round(used, 4) for name, used in cores.items()},
        cpus=[round(busy, 4) for busy in cpus],
        others_cores=max(0.0, sum(cpus) - sum(cores.values())),
        nodes_us_per_publish=sum(used for name, used in cores.items() if "node" in name) * per_publish * 1e6,
        redis_us_per_publish=cores["redis"] * per_publish * 1e6,
        redis_sent_bytes_per_publish=(last.redis_sent_bytes - first.redis_sent_bytes) / max(1, done),
        redis_commands_per_publish={
            name: round((calls - first.calls.get(name, 0)) / max(1, done), 3)
            for name, calls in last.calls.items()
            if calls - first.calls.get(name, 0) > done / 100
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.horizontal")
    parser.add_argument(
        "--rates", default=",".join(map(str, RATES)), help="publishes a second (1000 to 6000)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs at each rate (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="measured time of a run (4)")
    parser.add_argument(
        "--write", action="store_true", help="record the run as results/horizontal.json and .md"
    )
    options = parser.parse_args()
    try:
        rates = [int(rate) for rate in options.rates.split(",")]
    except ValueError:
        parser.error("--rates takes whole numbers by commas")
    if min(rates) < 1 or options.rounds < 1 or options.seconds <= 0:
        parser.error("--rates, --rounds and --seconds must be above 0")
    idle_before = idle_share()
    runs: list[Run] = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        runs += once(rates, options.seconds)
    around = circumstances(rounds=options.rounds, seconds=options.seconds, idle_before=idle_before)
    print(table(runs))
    if options.write:
        write({"circumstances": around, "runs": [asdict(each) for each in runs]})


def once(rates: Sequence[int], seconds: float) -> list[Run]:
    """One round, on fresh nodes: a run at each rate."""
    with scaled() as cluster:
        return [run(cluster, rate, seconds) for rate in rates]


def write(record: dict[str, Any], to: Path = RESULTS) -> None:
    (to / "horizontal.json").write_text(json.dumps(record, indent=1) + "\n")
    runs = [Run(**each) for each in record["runs"]]
    (to / "horizontal.md").write_text(document(runs, record["circumstances"]))


if __name__ == "__main__":
    main()
