"""`python -m benchmarks.peers`: the scenarios of `benchmarks.load` on other servers, beside Revurb and the floor.

    python -m benchmarks.peers --server soketi=127.0.0.1:6001,4711                    # beside a fresh Revurb
    python -m benchmarks.peers --server reverb=127.0.0.1:8080,4711 --alone fanout     # by itself, some scenarios
    python -m benchmarks.peers --workers 2                                            # on all cores, see below

The address must be on this machine. Give all process ids of a server that has several: their CPU time and memory are
added up. Start it on core 0 (`taskset -c 0`), with an app that takes client events of members.

With `--workers N` nobody is bound to a core: one Revurb process, N workers with their hub, and sockudo with its
threads if `benchmarks/peers/build` has built it. The figures are the CPU time of all threads and processes.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.load import command
from benchmarks.load.generator import Target
from benchmarks.load.servers import Server, revurb, running, uwebsockets
from benchmarks.peers import built, threaded
from benchmarks.peers.check import Unfit, check, read_address


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="What operations cost.")
    command.add_options(parser)
    parser.add_argument("--server", action="append", default=[], metavar="NAME=HOST:PORT,PID[,PID...]")
    parser.add_argument("--app-id", default="1", help="of the servers given (1)")
    parser.add_argument("--key", default="key1", help="(key1)")
    parser.add_argument("--secret", default="secret1", help="(secret1)")
    parser.add_argument("--alone", action="store_true", help="without Revurb and uWebSockets beside it")
    parser.add_argument("--workers", type=int, metavar="N", help="beside Revurb with N workers, on all cores")
    options = command.read_options(parser, threaded.SCENARIOS)
    targets = []
    for text in options.server:
        try:
            name, host, port, pids = read_address(text)
        except ValueError as error:
            parser.error(f"--server {error}")
        targets.append(Target(name, port, pids, host, options.app_id, options.key, options.secret))
    names = [target.name for target in targets]
    if not targets and not options.workers:
        parser.error("no --server NAME=HOST:PORT,PID[,PID...] to measure")
    if len({*names, "revurb", "uwebsockets"}) < len(names) + 2:
        parser.error("each --server needs a name of its own, and not revurb or uwebsockets")
    try:
        for target in targets:
            check(target)
    except Unfit as reason:
        sys.exit(f"benchmarks.peers: {reason}")
    servers = [running(target) for target in targets]
    if options.workers:
        servers += _on_all_cores(options.workers)
        options.scenarios = threaded.unbound(options.scenarios)
    elif not options.alone:
        baseline = uwebsockets()
        servers = [revurb(), *servers, *([baseline] if baseline else [])]
    recording = command.run(options, servers)
    if options.write:
        command.write(recording, "peers-workers" if options.workers else "peers")


def _on_all_cores(workers: int) -> list[Server]:
    peer = built.sockudo()
    if peer is None:
        print(f"sockudo is left out: benchmarks/peers/build builds it in {built.folder()}", file=sys.stderr)
    ours = [threaded.revurb_workers(count) for count in sorted({1, workers}, reverse=True)]
    return [*ours, *([peer] if peer else [])]


if __name__ == "__main__":
    main()
