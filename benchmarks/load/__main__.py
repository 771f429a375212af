"""`python -m benchmarks.load`: what each operation costs Revurb, beside the floor of the machine and raw uWebSockets.

    python -m benchmarks.load                                # every scenario
    python -m benchmarks.load fanout-1000-100b-w8 joins      # some of them
    python -m benchmarks.load --rounds 5 --seconds 3 --write # and recorded, for the README too

Those under test take turns, round by round, and medians are compared: times on a shared machine mean nothing by
themselves, ratios in one run do. Servers run on core 0, the generator on core 1. Other servers: `benchmarks.peers`.
"""

from __future__ import annotations

import argparse

from benchmarks.load import command, readme
from benchmarks.load.servers import revurb, uwebsockets


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description="What operations cost Revurb."
    )
    command.add_options(parser)
    options = parser.parse_args()
    if options.write and options.scenarios:
        parser.error("--write records all scenarios or none: the README shows them together")
    baseline = uwebsockets()
    recording = command.run(options, parser, [revurb(), *([baseline] if baseline else [])])
    if options.write:
        command.write(recording, "load")
        readme.rewrite(recording)


if __name__ == "__main__":
    main()
