"""`python -m benchmarks.load`: run the scenarios and print what each operation costs.

    python -m benchmarks.load                                # a fresh `revurb serve`, every scenario
    python -m benchmarks.load fanout-1000-100b-w8 publish    # some of them
    python -m benchmarks.load --server soketi=6001,4711      # another server too: NAME=PORT,PID[,PID...]

Servers under test take turns, round by round, and medians are compared: times on a shared machine mean nothing by
themselves, ratios in one run do. The generator runs on core 1, a Revurb that is started here on core 0; pin other
servers yourself (`taskset -c 0`). Other servers need an app with id 1, key key1 and secret secret1 that takes
client events of members.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from benchmarks.load.generator import Target
from benchmarks.load.report import print_table, write_results
from benchmarks.load.rounds import measure
from benchmarks.load.scenarios import BY_NAME, SCENARIOS
from benchmarks.load.servers import revurb


def a_server(text: str) -> Target:
    name, _, rest = text.partition("=")
    try:
        port, *pids = map(int, rest.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=PORT,PID[,PID...]") from None
    if not (name and pids):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=PORT,PID[,PID...]")
    return Target(name, port, tuple(pids))


def main() -> None:
    parser = argparse.ArgumentParser(description="What operations cost a Pusher server.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(BY_NAME))
    parser.add_argument("--server", action="append", default=[], type=a_server, metavar="NAME=PORT,PID[,PID]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each scenario on each server (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured time of a run (2)")
    parser.add_argument("--no-revurb", action="store_true", help="only the servers given with --server")
    parser.add_argument("--write", action="store_true", help="record the results under benchmarks/results")
    options = parser.parse_args()
    unknown = sorted(set(options.scenarios) - set(BY_NAME))
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    chosen = [BY_NAME[name] for name in options.scenarios] or list(SCENARIOS)
    with ExitStack() as stack:
        targets = list(options.server)
        if not options.no_revurb:
            targets.insert(0, stack.enter_context(revurb()))
        if not targets:
            parser.error("no server to measure")
        results = measure(chosen, targets, rounds=options.rounds, seconds=options.seconds)
    print_table(results, targets)
    if options.write:
        print(f"written to {write_results(results)}")


if __name__ == "__main__":
    main()
