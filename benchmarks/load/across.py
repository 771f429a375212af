"""`python -m benchmarks.load.across`: what Redis adds between two nodes, and what each thing that they do there costs.

    python -m benchmarks.load.across --rounds 5 --write      # results/across.json and .md, for docs/redis.md too

A bus as a node has it, a second one that receives, and a redis-server, over TCP on this machine. All figures are CPU
time, bytes or memory, but for the latencies. `benchmarks.scaling` computes with them.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.load import bus_costs, host_costs, marks
from benchmarks.load.broker import broker
from benchmarks.load.bus_costs import CROWD, PROCESSES, RECEIVERS
from benchmarks.load.meter import Figures
from benchmarks.load.recording import RESULTS, circumstances, idle_share

DOCUMENT = Path(__file__).parents[2] / "docs" / "redis.md"
MARK = "across: python -m benchmarks.load.across --write"
ROWS = {  # the first part of the figures' names -> what it is
    "publish_1": "publish, 1 event in its turn of the event loop",
    "publish_10": "... 10 in a turn",
    "publish_100": "... 100 in a turn",
    "spread_100": "... 100 in a turn, on as many channels, nobody listening",
    "listen_1_1": "an event to a process that only reads it, from one connection",
    "listen_64_1": "... from 64 connections",
    "cluster_publish_1": "publish as a client of a Redis Cluster, 1 in its turn, nobody listening",
    "cluster_spread_100": "... 100 in a turn, on as many channels",
    "enter_1": "first subscriber of a channel on its node, 1 in a turn",
    "enter_100": "... 100 in a turn",
    "count_1": "another subscriber comes or goes, 1 in a turn",
    "count_100": "... 100 in a turn",
    "leave_100": "last subscriber of a channel on its node goes, 100 in a turn",
    "join_0": "first user of a presence channel",
    f"join_{CROWD}": f"one more of {CROWD} users of a presence channel, with the list of them",
    "part_0": "last user of a presence channel goes",
    f"part_{CROWD}": f"one of {CROWD} users goes",
    "connection_1": "a connection comes or goes",
    f"admit_of_{PROCESSES}": f"a connection of an app with a limit, {PROCESSES:,} processes",
    "lease": "a lease renewed, every 2.25 s",
    "heartbeat": "a heartbeat, every 2.25 s",
    "cluster_heartbeat": "... in a Redis Cluster of one server with 1,024 partitions",
    "look": "an event in the log that is looked at, for a node that was away and does not want it",
    "hello": "a channel told anew, when the connection to Redis was lost",
    "goodbye": "a channel removed, of a node that leaves or was buried",
}
HOST_ROWS = {
    "host_1": "an event from Redis, to a subscriber on each of two workers, 1 in its turn",
    "host_100": "... 100 in a turn",
    "host_publish_1": "a publish over HTTP with one subscriber, 1 in flight",
    "host_publish_64": "... 64 in flight",
}


def once(number: int) -> Figures:
    """The figures of one round, the first being 0; every round has a Redis of its own."""
    logging.disable(logging.WARNING)  # that Redis is out of reach, which is meant to be
    try:
        with broker() as one:
            figures = bus_costs.once(one, first=number == 0)
        with broker(cluster=True) as one:
            figures |= bus_costs.in_a_cluster(one)
        with broker() as one:
            figures |= host_costs.once(one)
    finally:
        logging.disable(logging.NOTSET)
    return figures


def medians(rounds: list[Figures]) -> Figures:
    """Of those rounds that have the figure."""
    return {
        name: statistics.median(figures[name] for figures in rounds if name in figures)
        for name in bus_costs.names(rounds)
    }


def table(found: Figures) -> str:
    """The medians as tables of Markdown."""
    lines = ["| CPU time of | the node | Redis | a node that receives |", "|---|--:|--:|--:|"]
    for name, about in ROWS.items():
        cells = [_cell(found.get(f"{name}.{who}_us"), "us") for who in ("node", "redis", "receive")]
        lines.append(f"| {about} | {' | '.join(cells)} |")
    if "host_1.relay_us" in found:
        lines += ["", "| CPU time of | the relay of a host | a worker of it |", "|---|--:|--:|"]
        for name, about in HOST_ROWS.items():
            cells = [_cell(found.get(f"{name}.{who}_us"), "us") for who in ("relay", "worker")]
            lines.append(f"| {about} | {' | '.join(cells)} |")
    lines += ["", "| Redis, for an event that goes to | 1 at a time | 100 in a pipeline |", "|---|--:|--:|"]
    for receivers in RECEIVERS:
        cells = [_cell(found.get(f"publish_{batch}_to_{receivers}.redis_us"), "us") for batch in (1, 100)]
        lines.append(f"| {receivers} connections | {' | '.join(cells)} |")
    lines += ["", "| bytes | |", "|---|--:|"]
    for name, about in (
        ("publish_100.redis_in_bytes", "to Redis, for an event of 150 B"),
        ("publish_100_to_1.redis_out_bytes", "from Redis, for an event that goes to one connection"),
        ("spread_100.redis_memory_bytes", "memory in Redis: an event of 150 B in the log"),
        ("channel.redis_memory_bytes", "... a channel on a node"),
        (f"join_{CROWD}.redis_memory_bytes", "... a member of a presence channel"),
        ("subscriber.redis_memory_bytes", "... a subscribing connection"),
        ("channel.node_memory_bytes", "memory in the node: its bus, for a channel"),
    ):
        lines.append(f"| {about} | {_cell(found.get(name), 'B')} |")
    return "\n".join(lines) + "\n"


def sentence(found: Figures) -> str:
    """What docs/redis.md says of it."""
    bare, took = found["latency.round_trip_us"], found["latency.p50_us"]
    return (
        "An event is with the other node's subscribers "
        f"{took / 1000:.2f} ms after it was published, where a bare round\n"
        f"trip to Redis takes {bare / 1000:.2f} ms. It takes {found['publish_100.receive_us']:.0f} us of a node that "
        f"receives it ({found['publish_1.receive_us']:.0f} us if it comes alone),\n"
        f"{found['publish_100.node_us']:.0f} us of the one that publishes where 100 share a pipeline "
        f"({found['publish_1.node_us']:.0f} us alone), and {found['publish_100.redis_us']:.0f} us of Redis "
        f"({found['publish_1.redis_us']:.0f} us alone).\n"
    )


def document(record: dict[str, Any]) -> str:
    around = record["circumstances"]
    head = "# What Redis adds\n\n`python -m benchmarks.load.across --write`. CPU time, medians of"
    where = f"Revurb {around['revurb']}, {around['cpu']}, Linux {around['linux']}, {around['date']}"
    return f"{head} {around['rounds']} rounds.\n{where}.\n\n{table(medians(record['rounds']))}"


def write(record: dict[str, Any], to: Path = RESULTS, document_of: Path = DOCUMENT) -> None:
    """The record, its tables, and what the documentation says."""
    (to / "across.json").write_text(json.dumps(record, indent=1) + "\n")
    (to / "across.md").write_text(document(record))
    marks.rewrite(document_of, MARK, sentence(medians(record["rounds"])))


def _cell(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.{1 if value < 100 else 0}f} {unit}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.across")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="record the run as results/across.json and .md")
    parser.add_argument("--draw", action="store_true", help="measure nothing: write what is on record again")
    options = parser.parse_args()
    if options.draw:
        write(json.loads((RESULTS / "across.json").read_text()))
        return
    idle_before = idle_share()
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        rounds.append(once(number))
    around = circumstances(rounds=options.rounds, seconds=0, idle_before=idle_before)
    record = {"circumstances": around, "rounds": rounds}
    print(f"{table(medians(rounds))}\n{sentence(medians(rounds))}")
    if options.write:
        write(record)


if __name__ == "__main__":
    main()
