"""`python -m benchmarks.load`: what each operation costs Revurb, beside the floor of the machine, raw uWebSockets, and
the peers that `benchmarks/peers/build` has built.

    python -m benchmarks.load                                # every scenario
    python -m benchmarks.load fanout-1000-100b-w8 joins      # some of them
    python -m benchmarks.load --rounds 5 --seconds 3 --write # and recorded, for the README too
    python -m benchmarks.load --draw                         # the recorded run again, after a change of the tables

Those under test take turns, round by round, and medians are compared: times on a shared machine mean nothing by
themselves, ratios in one run do. Servers run on core 0, the generator on core 1. Other servers: `benchmarks.peers`.
"""

from __future__ import annotations

import argparse

from benchmarks.load import command, readme
from benchmarks.load.recording import RESULTS, Recording
from benchmarks.load.scenarios import chosen
from benchmarks.load.servers import revurb, uwebsockets
from benchmarks.peers.built import built_peers


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description="What operations cost Revurb."
    )
    command.add_options(parser)
    parser.add_argument("--draw", action="store_true", help="measure nothing: draw what is on record again")
    options = command.read_options(parser)
    if options.draw:
        recording = Recording.read(RESULTS / "load.json")
    else:
        if options.write and len(options.scenarios) < len(chosen([], short=True)):
            parser.error("--write records all scenarios or none: the README shows them together")
        baseline = uwebsockets()
        recording = command.run(options, [revurb(), *([baseline] if baseline else []), *built_peers()])
        command.print_worse(recording)
    if options.write or options.draw:
        command.write(recording, "load")
        readme.rewrite(recording)


if __name__ == "__main__":
    main()
