"""`python -m benchmarks.scaling`: how many processes, hosts and Redis shards so many connections need.

    python -m benchmarks.scaling                       # the profiles at 1, 10 and 100 million, as in docs/scaling.md
    python -m benchmarks.scaling --write               # ... recorded as results/scaling.json, and put there
    python -m benchmarks.scaling --draw                # the recorded tables again
    python -m benchmarks.scaling --connections 250000 --channels 50000 --events-per-s 2000
    python -m benchmarks.scaling --profile chat --connections 250000

Costs are those on record under benchmarks/results. Nothing is put under load, and no server is started.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.scaling import record, table
from benchmarks.scaling.costs import Costs, NotRecorded, read_record
from benchmarks.scaling.plan import HEADROOM, Host, plan
from benchmarks.scaling.workload import PROFILES, Workload, custom


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description="How many machines so many connections need."
    )
    parser.add_argument(
        "--write", action="store_true", help="record the run, and put it into docs/scaling.md"
    )
    parser.add_argument(
        "--draw", action="store_true", help="compute nothing: put what is on record there again"
    )
    own = parser.add_argument_group("a load of your own")
    own.add_argument("--connections", type=int, help="at the same time")
    own.add_argument(
        "--profile", choices=[each.name for each in PROFILES], help="instead of channels and events"
    )
    own.add_argument("--channels", type=int, default=1, help="with subscribers, all alike (1)")
    own.add_argument("--events-per-s", type=float, default=1.0, help="published to all channels together (1)")
    own.add_argument("--event-bytes", type=int, default=200, help="of an event's data (200)")
    own.add_argument("--stay-s", type=float, default=1800.0, help="how long a connection lasts (1800)")
    own.add_argument("--presence", action="store_true", help="presence channels")
    own.add_argument("--balance", choices=["random", "least"], default="random", help="of the load balancer")
    own.add_argument(
        "--cores", type=int, default=Host().cores, help="of a host; two are left for the kernel (16)"
    )
    own.add_argument(
        "--workers", type=int, help="of a host; several have a relay, which wants a core too (cores - 3)"
    )
    own.add_argument(
        "--per-process", type=int, default=25_000, help="connections of a process, at most (25000)"
    )
    own.add_argument("--memory-gb", type=float, default=64.0, help="of a host (64)")
    own.add_argument("--link-gbit", type=float, default=10.0, help="of a host (10)")
    own.add_argument(
        "--headroom", type=float, default=HEADROOM, help="share of a core that may be used (0.6)"
    )
    options = parser.parse_args()
    positive = (
        options.channels,
        options.per_process,
        options.event_bytes,
        options.stay_s,
        options.cores,
        options.memory_gb,
    )
    if min(positive) <= 0 or options.events_per_s < 0 or not 0 < options.headroom <= 1:
        parser.error("sizes and times must be above 0, --headroom at most 1")
    if options.workers is not None and options.workers < 1:
        parser.error("--workers must be above 0")
    if options.connections is not None and options.connections < 1:
        parser.error("--connections must be above 0")
    try:
        if options.draw:
            record.rewrite(read_record("scaling.json"))
            return
        costs = Costs.read()
    except NotRecorded as missing:
        sys.exit(str(missing))
    if options.connections is None:
        found = record.compute(costs)
        print("\n".join(record.parts(found).values()))
        if options.write:
            record.write(found)
        return
    host = Host(
        cores=options.cores,
        workers=options.workers or max(1, options.cores - 3),
        connections_per_process=options.per_process,
        memory_bytes=options.memory_gb * 1e9 * 0.6,
        egress_bits_per_s=options.link_gbit * 1e9 * 0.6,
    )
    found_plan = plan(
        _workload(options), costs, balance=options.balance, host=host, headroom=options.headroom
    )
    print(table.one(found_plan))


def _workload(options: argparse.Namespace) -> Workload:
    for profile in PROFILES:
        if profile.name == options.profile:
            return profile.of(options.connections)
    return custom(
        options.connections,
        options.channels,
        options.events_per_s,
        options.event_bytes,
        options.stay_s,
        options.presence,
    )


if __name__ == "__main__":
    main()
